/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Folded stacks, as flame graphs are made of: a line for each place where waits were slow, its
 * frames from the outermost to the innermost with a semicolon between them, and the time in
 * microseconds. The first three are the command, the state and the call. One of the formats of
 * list.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "export/export.h"
#include "export/part.h"

#define FOLDED_TABLE "waits_by_stack"

/* What tells frames apart, and frames from the number, is not in any of them. */
static void folded_name(struct str *out, const char *s)
{
	size_t at = out->len;

	enc_text(out, s ? s : "?", s ? strlen(s) : 1, true);
	for (; at < out->len; at++)
		if (out->s[at] == ';' || out->s[at] == ' ')
			out->s[at] = out->s[at] == ';' ? ':' : '_';
}

static void folded_frames(struct str *out, const struct snap_stack *s)
{
	if (s && s->cut)
		str_add(out, ";(cut)");
	for (uint32_t i = s ? s->n : 0; i-- > 0;) {
		str_addc(out, ';');
		folded_name(out, s->frames[i].function);
	}
}

static void folded_line(struct str *out, const struct waited_row *r)
{
	folded_name(out, r->comm);
	folded_frames(out, r->user_stack);
	str_addc(out, ';');
	folded_name(out, r->state < NR_HL_STATES ? hl_state_names[r->state] : NULL);
	str_addc(out, ';');
	folded_name(out, r->name);
	folded_frames(out, r->stack);
	str_addf(out, " %" PRIu64 "\n", r->total_ns / 1000);
}

static int folded_write(struct str *out, const struct snap *s, const struct export_opts *o)
{
	const struct snap_table *t = snap_table(s, FOLDED_TABLE);
	struct part p;

	if (o->table && strcmp(o->table, FOLDED_TABLE)) {
		pr_err("cannot write folded stacks: only the view '%s' has some", FOLDED_TABLE);
		return -ENOENT;
	}
	part_open(&p, s, t, o);
	for (size_t i = 0; i < p.n; i++)
		folded_line(out, part_row(&p, i));
	part_close(&p);
	return 0;
}

const struct exporter folded_exporter = { "folded", "slow waits by stack, for flame graphs; in microseconds",
					  folded_write };
