# frozen_string_literal: true

# Tries a formula without Homebrew: ruby evaluate.rb FORMULA linux|mac intel|arm PREFIX [ASSETS]
#
# Evaluates FORMULA as Homebrew does on that platform. With ASSETS, a folder with the files of a release, the archive
# must have the formula's checksum; if this machine is of that platform, or RUNS_HERE=yes says that it runs such
# programs, it is then installed below PREFIX, linked, tested, run as a service and uninstalled again. Ends with 1 and
# a line on stderr at the first thing that is wrong.

%w[digest fileutils open3 pathname socket tmpdir].each { |library| require library }

FORMULA, SYSTEM, CPU, PREFIX, ASSETS = ARGV.map(&:dup)
is_known = %w[linux mac].include?(SYSTEM) && %w[intel arm].include?(CPU)
abort "usage: ruby evaluate.rb FORMULA linux|mac intel|arm PREFIX [ASSETS]" unless is_known && PREFIX && ARGV.size <= 5
ROOT = Pathname(PREFIX).expand_path
FACTS = %i[desc homepage version license url sha256 livecheck service test].freeze
HERE = ENV["RUNS_HERE"] == "yes" ||
       (RUBY_PLATFORM.include?(SYSTEM == "mac" ? "darwin" : "linux") &&
        RUBY_PLATFORM.match?(CPU == "arm" ? /\A(arm64|aarch64)/ : /\Ax86_64/))

def check(condition, complaint) = condition || raise(complaint)

def free_port = TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] }

def listens?(port)
  TCPSocket.new("localhost", port).close
  true
rescue Errno::ECONNREFUSED
  false
end

# A folder of the keg, with what formulae call on it.
class Folder < Pathname
  def install(*sources)
    names = sources.flatten.map { |source| source.is_a?(Hash) ? source : { source => File.basename(source) } }
    check(!names.empty?, "nothing matches what goes to `#{self}`")
    mkpath
    names.reduce(:merge).each do |source, name|
      check(File.file?(source), "the archive has no `#{source}`")
      FileUtils.mv(source, self/name)
    end
  end
end

# What the block `service` may say; its paths come from the formula.
Service = Struct.new(:formula, :command, :variables) do
  def run(command) = self.command = [*command].map(&:to_s)
  def environment_variables(variables) = self.variables = variables.to_h { |name, value| [name.to_s, value.to_s] }
  def keep_alive(_always) = nil
  def log_path(path) = path.dirname.mkpath
  def error_log_path(path) = log_path(path)
  def opt_bin = formula.opt_bin
  def var = formula.var
end

class Formula
  class << self
    def facts = @facts ||= {}

    FACTS.each do |fact|
      define_method(fact) do |value = nil, &block|
        next facts[fact] unless value || block
        check(!facts.key?(fact), "`#{fact}` is given twice for #{SYSTEM}/#{CPU}")
        facts[fact] = value || block
      end
    end
    def on_macos = (yield if SYSTEM == "mac")
    def on_linux = (yield if SYSTEM == "linux")
    def on_arm = (yield if CPU == "arm")
    def on_intel = (yield if CPU == "intel")
  end

  def version = self.class.version
  def keg = ROOT/"Cellar/mcp-mesh"/version
  def opt = ROOT/"opt/mcp-mesh"
  def opt_bin = opt/"bin"
  def var = ROOT/"var"
  def testpath = Pathname.pwd
  { bin: "bin", man1: "share/man/man1", bash_completion: "etc/bash_completion.d",
    zsh_completion: "share/zsh/site-functions", fish_completion: "share/fish/vendor_completions.d" }
    .each { |name, path| define_method(name) { Folder.new(keg/path) } }
  def files = keg.glob("**/*").select(&:file?).map { |file| file.relative_path_from(keg) }.sort

  def shell_output(command)
    output, status = Open3.capture2e(command)
    check(status.success?, "`#{command}` failed (#{status.exitstatus})") && output
  end

  def assert_match(expected, text) = check(text.match?(Regexp.union(expected)), "no `#{expected}` in `#{text}`")

  def link
    links = files.map { |file| [ROOT/file, keg/file] } << [opt, keg]
    links.each do |link, target|
      link.dirname.mkpath
      link.make_symlink(target)
    end
  end

  # Runs what `brew services start` would, on a port of its own, until it listens.
  def try_service
    service = Service.new(self, [], {}).tap { |it| it.instance_eval(&self.class.service) }
    port = free_port
    process = spawn(service.variables.merge("PORT" => port.to_s), *service.command, out: File::NULL)
    deadline = Time.now + 20
    sleep 0.05 until listens?(port) || Time.now > deadline
    check(listens?(port), "the service does not listen")
  ensure
    process && Process.kill("TERM", process) && Process.wait(process)
  end

  # Removes the keg and the links to it. What programs wrote below `var` stays, as it does in Homebrew.
  def uninstall
    there = ROOT.glob("**/*", File::FNM_DOTMATCH).reject { |path| path.to_s.start_with?("#{var}/") }
    there.each { |path| path.delete if path.symlink? && path.readlink.to_s.start_with?(keg.to_s) }
    keg.rmtree
    left = there.select { |path| path.file? || path.symlink? }
    check(left.empty?, "#{left.join(", ")} stayed")
  end
end

begin
  load FORMULA
  name = File.basename(FORMULA, ".rb").split("-").map(&:capitalize).join
  check(Object.const_defined?(name), "`#{FORMULA}` must define `#{name}`")
  facts = Object.const_get(name).facts
  FACTS.each { |fact| check(facts[fact], "no `#{fact}` for #{SYSTEM}/#{CPU}") }
  check(facts[:desc].length <= 80 && !facts[:desc].match?(/\A(an?|the) |\.\z/i), "`desc` is not in Homebrew's style")
  check(facts[:sha256].match?(/\A\h{64}\z/), "`#{facts[:sha256]}` is no sha256")
  puts "#{SYSTEM}/#{CPU}: version #{facts[:version]}, #{facts[:url]}"
  exit unless ASSETS

  archive = File.join(ASSETS, File.basename(facts[:url]))
  real = Digest::SHA256.file(archive).hexdigest
  check(real == facts[:sha256], "`#{archive}` has the sha256 #{real}, the formula says #{facts[:sha256]}")
  puts "sha256 matches"
  exit unless HERE

  formula = Object.const_get(name).new
  Dir.mktmpdir do |folder|
    check(system("tar", "-xf", archive, "--strip-components=1", "-C", folder), "`#{archive}` cannot be unpacked")
    Dir.chdir(folder) { formula.install }
  end
  formula.link
  puts "installed #{formula.files.join(" ")}", formula.caveats
  Dir.mktmpdir { |folder| Dir.chdir(folder) { formula.instance_eval(&facts[:test]) } }
  formula.try_service
  formula.uninstall
  puts "tested, run as a service, uninstalled"
rescue StandardError, ScriptError => e
  abort "error: #{e.message.lines.first&.chomp} (#{e.backtrace.first[/[^\/]+:\d+/]})"
end
