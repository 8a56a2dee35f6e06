/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Fuzz target: records of any content into the model, and its pictures out through every
 * exporter, grouped and ranked. What comes out must be JSON where it says so, and hold no
 * control bytes. Run by tests/fuzz/run.sh.
 *
 * fuzz sources: user/rec/ user/base/ user/model/ user/probe/ user/export/ user/host/syscalls.c
 * fuzz libs: -lcjson -lm
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/embed.h"
#include "base/log.h"
#include "base/mem.h"
#include "export/export.h"
#include "model/model.h"
#include "probe/probe.h"
#include "rec/rec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

const struct embed embeds[] = { { 0 } }; /* the schema is not asked for */

static void must(bool held)
{
	if (!held)
		abort();
}

static void drop_line(void *arg, enum log_level l, const char *line)
{
}

static void export(const struct snap *s, const struct exporter *e, const struct export_opts *o)
{
	struct str out = {};
	cJSON *doc;

	must(!e->write(&out, s, o));
	for (size_t i = 0; i < out.len; i++)
		must((unsigned char)out.s[i] >= ' ' || out.s[i] == '\n' || out.s[i] == '\r');
	if (!strcmp(e->name, "json")) {
		doc = cJSON_ParseWithLength(str_get(&out), out.len);
		must(doc);
		cJSON_Delete(doc);
	}
	str_free(&out);
}

static void show(struct model *m, enum group group, bool total)
{
	struct query q = { .group = group, .total = total, .show_work_waits = total, .show_kthreads = total };
	struct export_opts o = { .query = &q, .width = total ? 0 : 80, .header = true };
	const struct snap *s = model_snap(m);

	if (!s)
		return;
	for (size_t i = 0; all_exporters[i]; i++) {
		export(s, all_exporters[i], &o);
		export(s, all_exporters[i], &(struct export_opts){ .compact = true });
	}
	snap_put(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct model_limits few = {
		.max_processes = 6, .max_ended = 3, .max_threads = 8, .max_ops = 8, .max_slow = 4
	};
	struct model *m = model_new(all_collectors, n % 2 ? &few : NULL, NULL);
	uint64_t buf[REC_MAX / 8];
	struct hl_rec *rec = (void *)buf;

	log_set_sink(drop_line, NULL);
	/* a byte that says the kind, a byte for the length, and as much of the rest as that takes */
	while (n > 2) {
		size_t body = rec_body_size(data[0] % HL_KIND_MAX), size = body + data[1] % 128, have;

		size = (size + 7) / 8 * 8;
		memset(buf, 0, size);
		have = MIN(size, n - 2);
		memcpy(buf, data + 2, have);
		rec->kind = data[0] % HL_KIND_MAX;
		rec->size = (__u32)size;
		data += 2 + have;
		n -= 2 + have;
		if (!body || rec_check(rec, size) < 0)
			continue;
		model_apply(m, rec);
		if (rec->kind == HL_KIND_TICK)
			show(m, rec->tid % NR_GROUPS, rec->pid % 2);
	}
	show(m, GROUP_NONE, true);
	model_free(m);
	return 0;
}
