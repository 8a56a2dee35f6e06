# UNITS units of some FILL bytes of debug information, the last of which is that of the code: one that
# is large as those of large programs are.
	.text
	.globl _start
	.type _start, @function
_start:
	.cfi_startproc
	nop
	nop
	nop
	ret
	.cfi_endproc
.Lend:
	.size _start, .-_start
	.section .note.GNU-stack,"",@progbits
	.section .debug_abbrev,"",@progbits
.Labbrev:
	.uleb128 1, 0x11	# a unit, with children
	.byte 1
	.uleb128 0x11, 0x01	# low_pc
	.uleb128 0x12, 0x07	# high_pc
	.uleb128 0, 0
	.uleb128 2, 0x34	# a variable, of which nothing is said
	.byte 0
	.uleb128 0, 0
	.uleb128 3, 0x2e	# a function
	.byte 0
	.uleb128 0x11, 0x01
	.uleb128 0x12, 0x07
	.uleb128 0, 0
	.byte 0
	.section .debug_info,"",@progbits
	.rept UNITS
	.long 25 + FILL
	.short 4
	.long .Labbrev
	.byte 8
	.uleb128 1
	.quad 0x900000
	.quad 0x10
	.fill FILL, 1, 2
	.byte 0
	.endr
	.long 42 + FILL
	.short 4
	.long .Labbrev
	.byte 8
	.uleb128 1
	.quad _start
	.quad .Lend - _start
	.uleb128 3
	.quad _start
	.quad .Lend - _start
	.fill FILL, 1, 2
	.byte 0
