# Runs one server and ends it when standard input ends, which it does however the test dies.
#   sh supervisor.sh FOLDER SIGNAL PROGRAM ARGUMENT…
# A line on standard input is `start`, or a signal for the server, whose end is then awaited; each is
# answered with a line. SIGNAL is the one that ends it at last; a server ignores INT and QUIT unless it
# handles them, because the shell starts it so.
folder=$1 last=$2
shift 2
trap '' HUP INT TERM
server=

end() {
  if [ -n "$server" ]; then
    kill -s "$1" "$server" 2>/dev/null
    wait "$server"
    server=
  fi
}

while read -r command; do
  if [ "$command" = start ]; then
    "$@" </dev/null >>"$folder/log" 2>&1 &
    server=$!
  else
    end "$command"
  fi
  echo "$command"
done
end "$last"
rm -rf "$folder"
