/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The accounting in one line. Called by the session. */
#include "base/fmt.h"
#include "cmd/account.h"

static const char *const class_names[NR_HL_CLASSES] = {
#define X(id, NAME, key, help) [id] = key,
	HL_CLASSES(X)
#undef X
};

static const char *const loss_help[NR_HL_LOSSES] = {
#define X(id, NAME, key, help) [id] = help,
	HL_LOSSES(X)
#undef X
};

void account_take(struct account *a, const struct hl_rec_acct *r)
{
	if (r->class_id >= NR_HL_CLASSES)
		return;
	a->last[r->class_id] = *r;
	a->known[r->class_id] = true;
}

static uint64_t lost_of(const struct hl_rec_acct *r)
{
	uint64_t sum = 0;

	for (int i = 0; i < NR_HL_LOSSES; i++)
		sum += r->lost[i];
	return sum;
}

/* "slow: 12 of 340 lost (12 the ring buffer was full)" */
static void put_lost(struct str *out, const struct hl_rec_acct *r, const char *name)
{
	const char *sep = " (";

	str_addf(out, "%s%s: %llu of %llu lost", out->len ? "; " : "", name, (unsigned long long)lost_of(r),
		 (unsigned long long)r->seen);
	for (int i = 0; i < NR_HL_LOSSES; i++) {
		if (!r->lost[i])
			continue;
		str_addf(out, "%s%llu: %s", sep, (unsigned long long)r->lost[i], loss_help[i]);
		sep = ", ";
	}
	str_addc(out, ')');
}

static void put_class(struct str *out, const struct hl_rec_acct *r, const char *name)
{
	uint64_t lost = lost_of(r);
	int64_t rest = (int64_t)(r->seen - r->delivered - lost);

	if (lost)
		put_lost(out, r, name);
	if (rest)
		str_addf(out, "%s%s: %lld of %llu unaccounted", out->len ? "; " : "", name, (long long)rest,
			 (unsigned long long)r->seen);
}

void account_line(const struct account *a, struct str *out)
{
	struct str bad = {};
	char buf[FMT_LEN];

	for (int i = 0; i < NR_HL_CLASSES; i++)
		if (a->known[i])
			put_class(&bad, &a->last[i], class_names[i]);
	if (bad.len) {
		str_add(out, str_get(&bad));
	} else {
		str_add(out, "nothing lost");
		for (int i = 0; i < NR_HL_CLASSES; i++)
			if (a->known[i] && a->last[i].seen)
				str_addf(out, "%s%s %s", i ? ", " : ": ", fmt_count(buf, a->last[i].seen),
					 class_names[i]);
	}
	str_free(&bad);
}
