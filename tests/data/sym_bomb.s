# A function whose debug information takes far too long to go through: entries of one byte.
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
	.byte 0
	.section .debug_info,"",@progbits
.Linfo:
	.long .Lstop - .Lbegin
.Lbegin:
	.short 4
	.long .Labbrev
	.byte 8
	.uleb128 1
	.quad _start
	.quad .Lend - _start
	.fill 60000000, 1, 2
	.byte 0
.Lstop:
