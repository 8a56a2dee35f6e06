/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Looks up the files inside the program. Called by kern (BPF objects) and
 * export (the schema, the page). */
#include <string.h>

#include "base/embed.h"

const void *embed_find(const char *name, size_t *size)
{
	for (const struct embed *e = embeds; e->name; e++) {
		if (strcmp(e->name, name))
			continue;
		*size = (size_t)(e->end - e->start);
		return e->start;
	}
	return NULL;
}
