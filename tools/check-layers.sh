#!/bin/sh
# Includes point down only: the levels of the source, and one library for one folder.
# Prints "ok layers", or "not ok layers" after the includes that break a rule.
cd "$(dirname "$0")/.." || exit 1

# folder: the folders it may include (itself is always allowed); bpf means bpf/abi.h and its plain-C kin
rules='
base: bpf
host: base bpf
sym: base host bpf
proto: base bpf
rec: base bpf
model: base sym rec bpf
kern: base host sym proto rec bpf
probe: base host proto rec model bpf
export: base model bpf
view: base model bpf
cmd: base host sym proto rec model kern probe export view bpf
'
bad=$(printf '%s\n' "$rules" | while IFS=': ' read -r from to; do
	[ -n "$from" ] || continue
	grep -Hno '^#include "[^"]*"' user/"$from"/*.[ch] 2>/dev/null | sed 's/#include "//; s/"$//' |
		while IFS=: read -r file line path; do
			dir=${path%%/*}
			[ "$dir" = "$from" ] && continue
			case " $to " in *" $dir "*) continue ;; esac
			[ "$dir" = "$path" ] && continue # same folder, no slash
			echo "# $file:$line includes $path"
		done
done)

only() { # header pattern, folders or files that may include it
	grep -ln "^#include <$1" user/*.c user/*/*.[ch] 2>/dev/null | grep -v -E "$2" |
		sed "s|\$|: <$1> belongs elsewhere|; s|^|# |"
}
bad="$bad$(only 'bpf/libbpf' '^user/kern/')$(only 'bpf/bpf' '^user/kern/')$(only '.*curses' '^user/view/screen.c')$(only 'cjson/' '^user/export/')$(only 'elfutils/' '^user/sym/')$(only 'libelf.h' '^user/sym/')$(only 'gelf.h' '^user/sym/')$(only 'dwarf.h' '^user/sym/')$(only 'seccomp.h' '^user/sym/')$(only 'libiberty/' '^user/sym/demangle.c')$(only 'lzma.h' '^user/sym/')$(only 'capstone/' '^user/sym/insn.c')"
if [ -n "$bad" ]; then
	printf '%s\nnot ok layers\n' "$bad"
	exit 1
fi
echo "ok layers"
