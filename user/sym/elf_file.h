/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * One mapped file inside the child in the sandbox, and all that is known of it: its segments,
 * symbols, debug information, unwind tables. Each is made when first needed. What a file says is
 * hostile. Addresses are those that the file gives itself, before it is loaded anywhere.
 */
#ifndef SYM_ELF_FILE_H
#define SYM_ELF_FILE_H

#include <elfutils/libdw.h>
#include <gelf.h>

#include "base/base.h"
#include "base/hash.h"
#include "sym/wire.h"

struct symtab;
struct debug_info;

struct load {
	uint64_t vaddr, offset, size; /* size: in the file; in memory there may be more */
	uint64_t memory;
	bool exec;
};

struct elf_file {
	uint64_t key;
	_Atomic uint64_t *at; /* in which the reader says which file it is at; NULL: it does not */
	char *name;
	bool usable;  /* false: neither names nor unwind tables; why says why */
	char why[80]; /* "": nothing is missing */
	char *map;    /* all of it, or NULL */
	size_t size;
	Elf *elf;
	bool native; /* of this machine, 64-bit */
	bool narrow; /* of this machine, 32-bit, where that is unwound */
	struct load loads[16];
	size_t n_loads;

	struct elf_file *debug; /* the separate one; owned */
	struct elf_file *alt;   /* what dwz shares; owned */
	bool sought_debug;
	bool no_debug;          /* its own debug information is not to be touched */
	char debug_why[64];     /* why there is none; "": there is, or there is none */
	char wants[WIRE_ID];    /* the build id of what may be fetched yet; "": nothing */
	struct symtab *symtab;  /* of code */
	struct symtab *objects; /* of data */
	struct debug_info *info;
	Dwarf *dwarf;
	bool tried_dwarf, tried_eh;
	Dwarf_CFI *eh;
	struct hash *frames; /* address -> Dwarf_Frame */
	struct hash *names;  /* address -> struct named */
};

/* By fd (mapped, the caller closes it), or -1 and bytes of an ELF file (copied). Never NULL. */
struct elf_file *elf_file_new(uint64_t key, const char *name, int fd, const void *bytes, size_t size);
/* One that must not be touched. */
struct elf_file *elf_file_bad(uint64_t key, const char *name, const char *why);

/* The address inside the file of what stands at an offset of it; false: it is not loaded. */
bool elf_file_vaddr(const struct elf_file *f, uint64_t offset, uint64_t *vaddr);
bool elf_file_is_code(const struct elf_file *f, uint64_t vaddr);
bool elf_file_is_data(const struct elf_file *f, uint64_t vaddr); /* or memory that begins as zeroes */
/* The section of that name, or the first of that type when name is NULL. */
Elf_Scn *elf_file_section(Elf *elf, const char *name, uint32_t type, GElf_Shdr *shdr);
/* The build id in hex; false: none. */
bool elf_file_build_id(const struct elf_file *f, char *hex, size_t size);
bool elf_file_crc_is(const struct elf_file *f, uint32_t crc);
bool elf_file_has_debug(const struct elf_file *f);
/* The debug information of the file or its separate one; NULL: none. */
Dwarf *elf_file_dwarf(struct elf_file *f);
/* From here on that is read, so that it is to blame and not the rest of the file; and no more, with
 * what the first returned. */
uint64_t elf_file_enter_debug(struct elf_file *f);
void elf_file_leave_debug(struct elf_file *f, uint64_t before);
/* What was found of that, and what came of it, is sought again. */
void elf_file_forget_debug(struct elf_file *f);

#endif
