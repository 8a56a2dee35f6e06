#!/bin/sh
# Prints C source that holds the named files as bytes: struct embed embeds[], by base name.
# The .incbin keeps the compiler from parsing megabytes of numbers.
set -eu
echo '#include "base/embed.h"'
n=0
for f in "$@"; do
	printf '__asm__(".section .rodata\\n.balign 16\\nhl_embed_%d:\\n.incbin \\"%s\\"\\nhl_embed_%d_end:\\n.byte 0\\n.previous\\n");\n' $n "$f" $n
	printf 'extern const char hl_embed_%d[], hl_embed_%d_end[];\n' $n $n
	n=$((n + 1))
done
echo 'const struct embed embeds[] = {'
n=0
for f in "$@"; do
	printf '\t{ "%s", hl_embed_%d, hl_embed_%d_end },\n' "$(basename "$f")" $n $n
	n=$((n + 1))
done
printf '\t{ 0, 0, 0 },\n};\n'
