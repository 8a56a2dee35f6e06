/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Maps a file read-only and asks libelf what it is. Nothing is read by descriptor: the file is
 * closed before it is parsed. Files are never freed, the child retires instead. Used by child.c.
 */
#include <dwarf.h>
#include <elfutils/libdwelf.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sym/elf_file.h"

#if defined(__aarch64__)
#define MACHINE EM_AARCH64
#define NARROW  EM_NONE
#else
#define MACHINE EM_X86_64
#define NARROW  EM_386
#endif

struct elf_file *elf_file_bad(uint64_t key, const char *name, const char *why)
{
	struct elf_file *f = xcalloc(1, sizeof(*f));

	f->key = key;
	f->name = xstrdup(name);
	snprintf(f->why, sizeof(f->why), "%s", why);
	return f;
}

static void read_loads(struct elf_file *f)
{
	size_t n = 0;

	elf_getphdrnum(f->elf, &n);
	for (size_t i = 0; i < MIN(n, (size_t)4096) && f->n_loads < ARRAY_SIZE(f->loads); i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(f->elf, (int)i, &p) || p.p_type != PT_LOAD)
			continue;
		f->loads[f->n_loads++] = (struct load){ p.p_vaddr, p.p_offset, p.p_filesz, p.p_memsz,
							(p.p_flags & PF_X) != 0 };
	}
}

/* By descriptor the file is mapped and only the headers are copied: libelf writes into those when
 * it unpacks a compressed section. */
static const char *open_elf(struct elf_file *f, int fd)
{
	GElf_Ehdr h;

	elf_version(EV_CURRENT);
	f->elf = fd < 0 ? elf_memory(f->map, f->size) : elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!f->elf || elf_kind(f->elf) != ELF_K_ELF || !gelf_getehdr(f->elf, &h))
		return "not an ELF file";
	if (fd >= 0) {
		f->map = elf_rawfile(f->elf, &f->size);
		if (!f->map)
			return "cannot be mapped";
		elf_cntl(f->elf, ELF_C_FDDONE);
	}
	f->native = gelf_getclass(f->elf) == ELFCLASS64 && h.e_machine == MACHINE &&
		    h.e_ident[EI_DATA] == ELFDATA2LSB;
	f->narrow = NARROW && gelf_getclass(f->elf) == ELFCLASS32 && h.e_machine == NARROW;
	read_loads(f);
	return NULL;
}

struct elf_file *elf_file_new(uint64_t key, const char *name, int fd, const void *bytes, size_t size)
{
	struct elf_file *f = elf_file_bad(key, name, "");
	const char *why;

	if (bytes) {
		f->size = size;
		f->map = xmalloc(size + 1);
		memcpy(f->map, bytes, size);
	}
	why = open_elf(f, fd);
	f->usable = !why;
	if (why)
		snprintf(f->why, sizeof(f->why), "%s", why);
	return f;
}

/* Mappings are of whole pages, so that an offset may belong to a segment that begins in the
 * middle of its page; executable ones come first, as only those are asked for. */
bool elf_file_vaddr(const struct elf_file *f, uint64_t offset, uint64_t *vaddr)
{
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < f->n_loads; i++) {
			const struct load *l = &f->loads[i];

			if (l->exec != !pass || offset < l->offset || offset - l->offset >= l->size)
				continue;
			*vaddr = offset - l->offset + l->vaddr;
			return true;
		}
	return false;
}

bool elf_file_is_code(const struct elf_file *f, uint64_t vaddr)
{
	for (size_t i = 0; i < f->n_loads; i++)
		if (f->loads[i].exec && vaddr >= f->loads[i].vaddr &&
		    vaddr - f->loads[i].vaddr < f->loads[i].size)
			return true;
	return false;
}

bool elf_file_is_data(const struct elf_file *f, uint64_t vaddr)
{
	for (size_t i = 0; i < f->n_loads; i++)
		if (!f->loads[i].exec && vaddr >= f->loads[i].vaddr &&
		    vaddr - f->loads[i].vaddr < f->loads[i].memory)
			return true;
	return false;
}

Elf_Scn *elf_file_section(Elf *elf, const char *name, uint32_t type, GElf_Shdr *shdr)
{
	size_t names = 0;
	Elf_Scn *s = NULL;

	if (name && elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((s = elf_nextscn(elf, s))) {
		const char *is;

		if (!gelf_getshdr(s, shdr))
			continue;
		is = name ? elf_strptr(elf, names, shdr->sh_name) : NULL;
		if (name ? is && !strcmp(is, name) : shdr->sh_type == type)
			return s;
	}
	return NULL;
}

bool elf_file_build_id(const struct elf_file *f, char *hex, size_t size)
{
	const void *id = NULL;
	ssize_t n = dwelf_elf_gnu_build_id(f->elf, &id);

	if (n < 2 || (size_t)n * 2 + 1 > size)
		return false;
	for (ssize_t i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", ((const uint8_t *)id)[i]);
	return true;
}

/* The CRC that .gnu_debuglink carries: the one of Ethernet, bit by bit reflected. */
bool elf_file_crc_is(const struct elf_file *f, uint32_t crc)
{
	const uint8_t *p = (const uint8_t *)f->map;
	uint32_t table[256], c = ~0u;

	for (uint32_t i = 0; i < 256; i++) {
		uint32_t v = i;

		for (int k = 0; k < 8; k++)
			v = v & 1 ? 0xedb88320u ^ v >> 1 : v >> 1;
		table[i] = v;
	}
	for (size_t i = 0; i < f->size; i++)
		c = table[(c ^ p[i]) & 0xff] ^ c >> 8;
	return ~c == crc;
}

bool elf_file_has_debug(const struct elf_file *f)
{
	GElf_Shdr s;

	return (elf_file_section(f->elf, ".debug_info", 0, &s) ||
		elf_file_section(f->elf, ".zdebug_info", 0, &s)) &&
	       s.sh_type != SHT_NOBITS;
}

Dwarf *elf_file_dwarf(struct elf_file *f)
{
	struct elf_file *from = f->debug ? f->debug : f;

	if (!f->tried_dwarf) {
		f->tried_dwarf = true;
		f->dwarf = from->usable && !from->no_debug ? dwarf_begin_elf(from->elf, DWARF_C_READ, NULL)
							   : NULL;
	}
	return f->dwarf;
}

uint64_t elf_file_enter_debug(struct elf_file *f)
{
	uint64_t key = f->debug ? f->debug->key : WIRE_DEBUG_OF(f->key);

	return f->at ? atomic_exchange(f->at, key) : 0;
}

void elf_file_leave_debug(struct elf_file *f, uint64_t before)
{
	if (f->at)
		atomic_store(f->at, before);
}

void elf_file_forget_debug(struct elf_file *f)
{
	f->sought_debug = f->tried_dwarf = false;
	f->wants[0] = f->debug_why[0] = '\0';
	f->debug = f->alt = NULL;
	f->dwarf = NULL;
	f->info = NULL;
	f->symtab = f->objects = NULL;
	f->names = NULL;
}
