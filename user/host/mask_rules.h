/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What mask.c knows of secrets: their keys, their shapes, and the programs with options of their
 * own. Private to mask.c and mask_rules.c. Pure. */
#ifndef HOST_MASK_RULES_H
#define HOST_MASK_RULES_H

#include "base/base.h"

struct span {
	const char *s;
	size_t n;
};

enum key_kind {
	KEY_PLAIN,
	KEY_WEAK,   /* its value is a secret unless it is a path or a word like "none" */
	KEY_STRONG, /* its value is a secret */
};

/* Of an option or variable, with or without its leading dashes. */
enum key_kind key_kind(struct span key);

/* Whether the value of such a key is to be masked. */
bool key_masks(enum key_kind kind, struct span value);

/* Whether the key names something by a long hexadecimal number that is no secret. */
bool key_names_id(struct span key);

/* What follows an option (or an option's letter) of one program. */
enum mask_how {
	HOW_NONE,
	HOW_GLUED,   /* -pSECRET, while -p alone asks for it */
	HOW_NEXT,    /* -p SECRET */
	HOW_BOTH,    /* -p SECRET or -pSECRET */
	HOW_USER,    /* -u user:SECRET, -u user%SECRET, -u user,SECRET, glued or next */
	HOW_WORDS,   /* words that are no options, from the nth on; the first behind the program is 1 */
	HOW_SLASH,   /* words of the form user/SECRET@database */
	HOW_COLON,   /* /p:SECRET */
	HOW_HEX_IDS, /* its long hexadecimal words are names of things */
};

struct mask_rule {
	const char *program; /* a * at its end stands for anything */
	const char *sub;     /* only behind this word (a subcommand); NULL: always */
	const char *opt;     /* with its dash; NULL where `how` needs none */
	enum mask_how how;
	unsigned int nth;
};

/* The rules of a program by its base name: *n rows from what comes back; NULL: it has none. */
const struct mask_rule *mask_rules(struct span program, size_t *n);

/* How many bytes at the begin of s are a key of a known kind (AKIA…, ghp_…, eyJ…); 0: none. */
size_t known_token(struct span s);

/* Whether a run of token characters is random: long, and not made of words. Hexadecimal counts
 * only when `hex`. */
bool looks_random(struct span run, bool hex);

/* [A-Za-z0-9_+/~-]: what a random word is made of. */
bool is_token_char(char c);

bool span_is(struct span s, const char *word);     /* without regard to case */
bool span_starts(struct span s, const char *word); /* likewise */

#endif
