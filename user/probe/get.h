/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Values that several tables of the spine show, and the one way in which they do. For
 * tables.c and tables_ops.c. */
#ifndef PROBE_GET_H
#define PROBE_GET_H

#include "model/model.h"

/* States whose share has a column on a narrow screen; the others need room. */
#define NARROW_STATES                                                                                        \
	(1u << HL_STATE_CPU | 1u << HL_STATE_RUNQUEUE | 1u << HL_STATE_DISK | 1u << HL_STATE_NETWORK |       \
	 1u << HL_STATE_IPC | 1u << HL_STATE_LOCK)

static inline void val_set_str(struct val *out, const char *s)
{
	*out = (struct val){ .type = s && *s ? VAL_STR : VAL_NONE, .s = s };
}

/* Who holds a lock, of rows that have such members (locks.c); offset: of an enum hl_holder, one byte;
 * of a number, 0: not known. */
void get_holder_how(const struct field *f, const void *row, struct val *out);
void get_holder_id(const struct field *f, const void *row, struct val *out);

static inline void val_set_u64(struct val *out, uint64_t u)
{
	*out = (struct val){ .type = VAL_U64, .u = u };
}

/* part of whole in percent; not known for an interval without length */
static inline void val_set_pct(struct val *out, uint64_t part, uint64_t whole)
{
	*out = (struct val){};
	if (whole)
		*out = (struct val){ .type = VAL_F64, .f = 100.0 * (double)part / (double)whole };
}

/* How long the share q of them took at most; max: the longest of all. Not known where there were none. */
static inline void val_set_quantile(struct val *out, const struct hist *h, double q, uint64_t max)
{
	*out = (struct val){};
	if (h->count)
		val_set_u64(out, hist_quantile(h, q, max));
}

/* Where it is known. */
static inline void val_set_if(struct val *out, bool known, uint64_t u)
{
	*out = (struct val){};
	if (known)
		val_set_u64(out, u);
}

/* Not known of none. */
static inline void val_set_mean(struct val *out, uint64_t sum, uint64_t n)
{
	val_set_if(out, n, n ? sum / n : 0);
}

/* A number that the rows of a group need not share: 0 says that they do not. Only
 * "(other)" is truly 0. */
static inline void val_set_id(struct val *out, uint64_t id, uint32_t flags)
{
	*out = (struct val){};
	if (id || flags & ROW_OTHER)
		val_set_u64(out, id);
}

static inline uint64_t u64_at(const struct field *f, const void *row)
{
	return *(const uint64_t *)((const char *)row + f->offset);
}

/* clang-format off */

/* The same of the interval and since start; a, b: what the getter's offset is. */
#define TWINS(a, b, name, title, help, get, unit_, metric_, flags_, width_, type_)                       \
	{ "interval." name, title, help ", in the interval", get, a, .unit = unit_,                      \
	  .flags = FIELD_IVL | (flags_), .width = width_, .type = type_ },                               \
	{ name, title, help, get, b, .unit = unit_, .metric = metric_, .flags = FIELD_TOTAL | (flags_),  \
	  .width = width_, .type = type_ },

/* Of the process that a row is of. */
#define WHERE(row)                                                                                       \
	{ "container", "CONTAINER", "container or pod of the process", field_str,                        \
	  offsetof(struct row, container), .flags = FIELD_WIDE | FIELD_RARE | FIELD_ASC, .width = 14 },  \
	{ "cgroup", "CGROUP", "path of the process's cgroup", field_str, offsetof(struct row, cgroup),   \
	  .flags = FIELD_TAIL | FIELD_ASC, .width = 24 },
/* clang-format on */

#endif
