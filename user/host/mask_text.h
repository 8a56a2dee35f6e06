/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Secrets inside one word, found by what surrounds them or by their own shape. Private to mask.c. */
#ifndef HOST_MASK_TEXT_H
#define HOST_MASK_TEXT_H

#include "base/str.h"
#include "host/mask_rules.h"

/* What the next word is. */
enum mask_pending { PENDING_NONE, PENDING_SECRET, PENDING_WEAK, PENDING_USER };

struct mask_text {
	struct str *out;
	enum mask_pending pending; /* set when the word ends behind a secret's key */
	bool nested;               /* within a script: quotes end a value */
	bool hex_ids;              /* long hexadecimal words are names here */
	bool id_next;              /* so is this one */
};

/* Append s to t->out, its secrets replaced. */
void mask_text(struct mask_text *t, struct span s);

#endif
