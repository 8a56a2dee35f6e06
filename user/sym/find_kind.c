/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What kind of a file it is, and what a function's name and place say of it, as far as it matters to whoever
 * puts probes there. In the sandbox; used by find_child.c and find_function.c.
 */
#include <string.h>

#include "sym/find_in.h"

/* Who throws, or passes on what was thrown, calls one of these. */
static const char *const throwers[] = {
	"_Unwind_RaiseException", "_Unwind_Resume",     "_Unwind_Resume_or_Rethrow", "__cxa_throw",
	"__cxa_rethrow",          "rust_eh_personality"
};

/* A return address that they keep is used again. */
static const char *const twice[] = { "setjmp",   "_setjmp",      "sigsetjmp",   "__sigsetjmp",
				     "__setjmp", "getcontext",   "swapcontext", "vfork",
				     "__vfork",  "__libc_vfork", "savectx" };

/* Not called but come to in another way, and what is on the stack then is no return address. */
static const char *const come_to[] = { "_start", "__restore_rt", "__restore", "__start_context",
				       "_dl_start_user" };
#define COME_TO "_dl_runtime_" /* … and all that begin so */

static bool is_one_of(const char *const *names, size_t n, const char *name)
{
	size_t len = strcspn(name, "@");

	for (size_t i = 0; i < n; i++)
		if (strlen(names[i]) == len && !strncmp(names[i], name, len))
			return true;
	return false;
}

static bool has_thrower(Elf *elf, uint32_t type)
{
	GElf_Shdr head;
	Elf_Scn *scn = elf_file_section(elf, NULL, type, &head);
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;
	size_t n = data && head.sh_entsize ? data->d_size / head.sh_entsize : 0;

	for (size_t i = 0; i < n; i++) {
		GElf_Sym sym;
		const char *name;

		if (!gelf_getsym(data, (int)i, &sym))
			return false;
		name = elf_strptr(elf, head.sh_link, sym.st_name);
		if (name && is_one_of(throwers, ARRAY_SIZE(throwers), name))
			return true;
	}
	return false;
}

void finder_kind(struct finder *w)
{
	char id[WIRE_ID] = "";
	GElf_Shdr head;

	w->found.is_go = elf_file_section(w->f->elf, ".go.buildinfo", 0, &head) ||
			 elf_file_section(w->f->elf, ".note.go.buildid", 0, &head);
	w->found.throws = has_thrower(w->f->elf, SHT_DYNSYM) || has_thrower(w->f->elf, SHT_SYMTAB);
	elf_file_build_id(w->f, id, sizeof(id));
	strcpy(w->found.build_id, id);
}

void finder_marks(const struct finder *w, struct site *s)
{
	GElf_Ehdr h;

	s->is_start = is_one_of(come_to, ARRAY_SIZE(come_to), s->symbol) ||
		      !strncmp(s->symbol, COME_TO, strlen(COME_TO)) ||
		      (gelf_getehdr(w->f->elf, &h) && h.e_entry - s->vaddr < MAX(s->size, 1u));
	s->twice = is_one_of(twice, ARRAY_SIZE(twice), s->symbol);
}
