# SPDX-License-Identifier: GPL-2.0 OR MIT
# COUNT functions, for tests/unit/sym_find.c
.globl _start
_start: ret
.macro one n
.type name\n, @function
name\n: nop
.size name\n, 1
.endm
.altmacro
.set i, 0
.rept COUNT
one %i
.set i, i + 1
.endr
