#!/bin/sh
# No file over 900 lines, no function over 100: prints "ok sizes", or what is too long.
cd "$(dirname "$0")/.." || exit 1
bad=$(
	wc -l bpf/*.[ch] user/*.c user/*/*.[ch] tests/*/*.[ch] | awk '$2 != "total" && $1 > 900 { print "# " $2 ": " $1 " lines" }'
	# a function begins at a line that is "{" and ends at "}" in the first column
	awk 'FNR == 1 { begin = 0 }
	     /^{/ { begin = FNR }
	     /^}/ { if (begin && FNR - begin > 100) print "# " FILENAME ":" begin ": a function of " FNR - begin " lines"; begin = 0 }' \
		bpf/*.[ch] user/*.c user/*/*.c tests/*/*.c
)
if [ -n "$bad" ]; then
	printf '%s\nnot ok sizes\n' "$bad"
	exit 1
fi
echo "ok sizes"
