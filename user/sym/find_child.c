/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The child that reads one file for one question: how it begins, what all kinds of questions share, and how
 * it answers. Standard input is the socket to find.c, descriptor 3 the file. Called by sym/helper.c.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "sym/find_in.h"
#include "sym/sandbox.h"

#define SOCK    STDIN_FILENO
#define FILE_FD 3
#define NAME    4096 /* bytes of a name that are sent, at most */

int finder_fail(struct finder *w, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->found.why, sizeof(w->found.why), fmt, ap);
	va_end(ap);
	return err;
}

const uint8_t *finder_code(const struct finder *w, uint64_t vaddr, uint64_t *offset, size_t *left)
{
	const struct elf_file *f = w->f;

	for (size_t i = 0; i < f->n_loads; i++) {
		const struct load *l = &f->loads[i];

		if (!l->exec || vaddr < l->vaddr || vaddr - l->vaddr >= l->size)
			continue;
		*offset = vaddr - l->vaddr + l->offset;
		if (l->offset > f->size || *offset >= f->size)
			return NULL;
		*left = (size_t)MIN(l->size - (vaddr - l->vaddr), f->size - *offset);
		return (const uint8_t *)f->map + *offset;
	}
	return NULL;
}

static bool refuse(struct finder *w, const struct site *s, const char *why)
{
	if (!w->found.refused++)
		snprintf(w->found.why_refused, sizeof(w->found.why_refused), "%.80s: %s", s->name, why);
	return false;
}

bool finder_place(struct finder *w, struct site *s)
{
	struct insn insn;
	size_t left;
	const uint8_t *code = finder_code(w, s->vaddr, &s->offset, &left);

	if (!code)
		return refuse(w, s, "it is not in code that is in the file");
	if (!decoder_next(w->decoder, code, left, s->vaddr, &insn))
		return refuse(w, s, "no instruction that is known begins there");
	if (insn.refused)
		return refuse(w, s, insn.refused);
	s->cost = insn.cost;
	return true;
}

/* ---- answering ---------------------------------------------------------------------------------- */

void finder_send(struct finder *w, const struct site *s)
{
	struct wire_site m = { .kind = WIRE_SITE,
			       .cost = s->cost,
			       .n_args = s->n_args,
			       .n_rets = (uint32_t)s->n_rets,
			       .offset = s->offset,
			       .vaddr = s->vaddr,
			       .size = s->size,
			       .semaphore = s->semaphore,
			       .name_len = (uint32_t)strnlen(s->name, NAME) + 1,
			       .symbol_len = (uint32_t)strnlen(s->symbol, NAME) + 1,
			       .no_return = s->no_return,
			       .leaves = s->leaves,
			       .frameless = s->frameless,
			       .is_start = s->is_start,
			       .twice = s->twice,
			       .result = s->result };
	struct iovec v[] = { { &m, sizeof(m) }, { (char *)s->name, m.name_len - 1 },
			     { (char *)"", 1 }, { (char *)s->symbol, m.symbol_len - 1 },
			     { (char *)"", 1 }, { s->rets, 8 * s->n_rets } };

	if (w->sent++ >= w->q.max)
		return;
	memcpy(m.args, s->args, sizeof(m.args));
	if (wire_send(SOCK, v, ARRAY_SIZE(v), -1))
		child_quit();
}

static void send_found(struct finder *w, int err)
{
	struct iovec v[1 + FIND_NEAREST] = { { &w->found, sizeof(w->found) } };

	w->found.kind = WIRE_FOUND;
	w->found.err = err;
	w->found.all = w->sent;
	w->found.n_nearest = (uint32_t)w->n_nearest;
	for (size_t i = 0; i < w->n_nearest; i++) {
		if (strlen(w->nearest[i]) >= NAME)
			w->nearest[i][NAME] = '\0';
		v[1 + i] = (struct iovec){ w->nearest[i], strlen(w->nearest[i]) + 1 };
	}
	if (wire_send(SOCK, v, 1 + w->n_nearest, -1))
		child_quit();
}

/* ---- beginning ----------------------------------------------------------------------------------- */

static void take_query(struct finder *w)
{
	const struct wire_find *m = (const void *)w->c.in;
	const char *name = (const char *)(m + 1);
	ssize_t n;
	int fd;

	n = wire_get(SOCK, w->c.in, WIRE_ROOM, &fd);
	if (n < (ssize_t)sizeof(*m) || m->kind != WIRE_FIND || !m->name_len || !m->provider_len ||
	    (size_t)n != sizeof(*m) + m->name_len + m->provider_len || name[m->name_len - 1] ||
	    name[m->name_len + m->provider_len - 1])
		child_quit();
	w->q = (struct find_query){ .what = (enum find_what)m->what,
				    .name = xstrdup(name),
				    .provider = xstrdup(name + m->name_len),
				    .plus = m->plus,
				    .line = m->line,
				    .rets = m->rets != 0,
				    .max = m->max };
}

static int check_file(struct finder *w)
{
	GElf_Ehdr h;

	if (!w->f->usable)
		return finder_fail(w, -ENOEXEC, "%s", w->f->why);
	if (!gelf_getehdr(w->f->elf, &h) || (h.e_type != ET_EXEC && h.e_type != ET_DYN))
		return finder_fail(w, -ENOEXEC, "neither a program nor a shared library");
	if (!w->f->native)
		return finder_fail(w, -ENOEXEC,
				   w->f->narrow ? "a 32-bit program, in which no probe is put"
						: "a program of another kind of machine");
	for (size_t i = 0; i < w->f->n_loads; i++)
		if (w->f->loads[i].exec && w->f->loads[i].size)
			return 0;
	return finder_fail(w, -ENOEXEC, "it has no code: perhaps it is debug information alone");
}

static int find(struct finder *w)
{
	static int (*const ways[])(struct finder *) = {
		[FIND_FUNCTIONS] = finder_functions, [FIND_USDT] = finder_usdt, [FIND_LINE] = finder_line
	};
	int err = check_file(w);

	if (err)
		return err;
	finder_kind(w);
	if ((size_t)w->q.what >= ARRAY_SIZE(ways))
		return finder_fail(w, -EINVAL, "no such question");
	w->decoder = decoder_new(INSN_HERE);
	if (!w->decoder)
		return finder_fail(w, -ENOMEM, "out of memory");
	if (w->found.is_go && w->q.rets)
		finder_go(w);
	return ways[w->q.what](w);
}

void finder_main(uint64_t memory)
{
	struct wire_step step = {};
	struct finder w = { .c = { .memory = memory, .step = &step } };
	struct stat st;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	wire_only_these(FILE_FD);
	if (fstat(SOCK, &st) || !S_ISSOCK(st.st_mode) || fstat(FILE_FD, &st) || sandbox_enter(memory))
		child_quit();
	w.c.in = xmalloc(WIRE_ROOM);
	w.c.want_in = xmalloc(WIRE_ROOM);
	take_query(&w);
	w.f = elf_file_new(1, "", FILE_FD, NULL, 0);
	send_found(&w, find(&w));
	_exit(0);
}
