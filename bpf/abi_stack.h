/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The part of the contract that is of stacks. Included by abi.h, whose rules hold here. */
#ifndef HL_ABI_STACK_H
#define HL_ABI_STACK_H

/* A kernel stack, once in a capture. Tail: nr_frames of struct hl_frame, innermost first, then
 * text_len bytes of strings with a NUL each: the first says why frames have no function. */
struct hl_rec_stack {
	struct hl_rec h; /* pid and tid 0 */
	__u32 id;        /* not 0 */
	__u16 nr_frames;
	__u16 flags; /* HL_STACK_CUT */
	__u32 text_len;
	__u32 pad;
};

#define HL_STACK_CUT (1u << 0) /* it was deeper: the outermost frames are missing */

/* Where the strings begin in the text. An empty function: it is not known, for the reason that
 * the text begins with. An empty module: the kernel itself. */
struct hl_frame {
	__u32 offset; /* into the function */
	__u16 function, module;
};

/* How a user stack was found. */
#define HL_UNWINDS(X) /* X(id, NAME, "key") */                                                               \
	X(0, NONE, "")                                                                                       \
	X(1, DWARF, "dwarf")                   /* by the tables that programs carry for this */              \
	X(2, FRAME_POINTERS, "frame_pointers") /* along the chain of frame pointers: not more than likely */ \
	X(3, MIXED, "mixed")                   /* both */

enum hl_unwind {
#define X(id, NAME, key) HL_UNWIND_##NAME = id,
	HL_UNWINDS(X)
#undef X
		NR_HL_UNWINDS = 4,
};

/* A user stack, once in a capture; its id is of the same numbers as those of STACK. Tail: nr_frames
 * of struct hl_uframe, innermost first, then text_len bytes of strings with a NUL each: the first
 * says what is missing and why. */
struct hl_rec_ustack {
	struct hl_rec h; /* pid and tid 0 */
	__u32 id;        /* not 0 */
	__u16 nr_frames;
	__u8 flags;  /* HL_STACK_CUT */
	__u8 unwind; /* enum hl_unwind */
	__u32 text_len;
	__u32 pad;
};

/* Where the strings begin in the text; an empty one: it is not known. An inlined function is a frame
 * of its own, before the one that it is inlined into. */
struct hl_uframe {
	__u64 offset; /* into the function; without one: an address in the module's file */
	__u32 line;   /* of the source file; 0: not known */
	__u16 function, module, file;
	__u16 inlined;
	__u32 pad;
};

#endif
