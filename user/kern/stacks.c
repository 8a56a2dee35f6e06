/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Kernel stacks: from addresses to STACK, once for each distinct one, and the number by which
 * the records of threads name it. Called by slow.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kern/kern.h"

#define MAX_STACKS 4096 /* distinct ones in a capture */

/* What makes two stacks the same. Compared as bytes. */
struct stack_key {
	uint64_t ip[HL_STACK_FRAMES];
	uint64_t modules; /* which were loaded; 0: it is all in the kernel itself */
};

void kstacks_init(struct stacks *s)
{
	s->syms = ksyms_new(NULL, NULL);
	s->ids = hash_new(sizeof(struct stack_key));
}

void kstacks_fini(struct stacks *s)
{
	ksyms_free(s->syms);
	hash_free(s->ids);
}

static void key_of(struct stacks *s, const struct hl_stack_raw *raw, struct stack_key *key)
{
	memset(key, 0, sizeof(*key));
	memcpy(key->ip, raw->ip, raw->nr * sizeof(*raw->ip));
	for (uint32_t i = 0; i < raw->nr && !key->modules; i++)
		if (!ksyms_fixed(s->syms, raw->ip[i]))
			key->modules = ksyms_modules(s->syms);
}

static uint16_t add_text(struct str *text, const char *s)
{
	uint16_t at = (uint16_t)text->len;

	str_addn(text, s ? s : "", s ? strlen(s) : 0);
	str_addc(text, '\0');
	return at;
}

/* The frames, and the reason for those that have no name at the head of the text. */
static void name_frames(struct stacks *s, const struct hl_stack_raw *raw, struct hl_frame *frames,
			struct str *text)
{
	const char *why = NULL;
	struct ksym sym;

	for (uint32_t i = 0; i < raw->nr && !why; i++) {
		ksyms_find(s->syms, raw->ip[i], &sym);
		why = sym.why;
	}
	add_text(text, why);
	for (uint32_t i = 0; i < raw->nr; i++) {
		ksyms_find(s->syms, raw->ip[i], &sym);
		frames[i].offset = sym.offset;
		frames[i].function = add_text(text, sym.function);
		frames[i].module = add_text(text, sym.module);
	}
}

static void send(struct live *l, const struct hl_stack_raw *raw, uint32_t id)
{
	struct hl_frame frames[HL_STACK_FRAMES] = {};
	struct hl_rec_stack *r;
	struct str text = {};

	name_frames(&l->stacks, raw, frames, &text);
	r = LIVE_BEGIN(l, STACK, stack);
	r->h.ts = clock_boot_ns();
	r->id = id;
	r->nr_frames = (uint16_t)raw->nr;
	r->flags = raw->nr == HL_STACK_FRAMES ? HL_STACK_CUT : 0;
	r->text_len = (uint32_t)text.len;
	rec_add_bytes(&l->buf, frames, raw->nr * sizeof(*frames));
	rec_add_bytes(&l->buf, text.s, text.len);
	live_emit(l);
	str_free(&text);
}

uint32_t stack_id(struct live *l, const struct hl_stack_raw *raw)
{
	struct stacks *s = &l->stacks;
	struct stack_key key;
	uint32_t id;

	if (raw->fate == HL_STACK_NONE)
		return 0;
	s->seen++;
	if (raw->fate != HL_STACK_TAKEN || !raw->nr || raw->nr > HL_STACK_FRAMES) {
		*(raw->fate == HL_STACK_OVER ? &s->over : &s->unreadable) += 1;
		return 0;
	}
	key_of(s, raw, &key);
	id = (uint32_t)(uintptr_t)hash_get(s->ids, &key);
	if (!id && hash_count(s->ids) >= MAX_STACKS) {
		s->over++;
		return 0;
	}
	if (!id) {
		id = (uint32_t)hash_count(s->ids) + 1;
		hash_put(s->ids, &key, (void *)(uintptr_t)id);
		send(l, raw, id);
	}
	s->delivered++;
	return id;
}
