# Completions of meshctl for elvish: eval (meshctl completion elvish | slurp)

use str

set edit:completion:arg-completer[meshctl] = {|@words|
    var lines = [(try { e:meshctl __complete (all $words[1..]) 2>/dev/null | from-lines } catch { nop })]
    if (== (count $lines) 0) {
        # Where nothing is known, files are offered.
        edit:complete-filename $words[-1]
    } else {
        for line $lines {
            var value description = (str:split &max=2 "\t" $line)
            edit:complex-candidate $value &display=$value"  "(styled $description bright-black)
        }
    }
}
