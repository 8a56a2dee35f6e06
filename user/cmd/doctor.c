/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* hostlat doctor: what this host allows, collector by collector, and what to do about the rest. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/doctor.h"
#include "cmd/output.h"
#include "kern/live.h"
#include "rec/rec.h"

struct values {
	struct common common;
	bool json;
};

static const struct values defaults;

static const struct opt rows[] = {
	{ .type = OPT_FLAG, .long_name = "json", .help = "print one JSON document",
	  .offset = offsetof(struct values, json) },
	COMMON_ROWS,
	{ .type = OPT_END },
};

void findings_add(struct findings *f, const char *name, enum verdict verdict, char *what, char *advice)
{
	*vec_add(&f->v) = (struct finding){ name, verdict, what, advice };
}

void findings_free(struct findings *f)
{
	for (size_t i = 0; i < f->v.n; i++) {
		free(f->v.v[i].what);
		free(f->v.v[i].advice);
	}
	vec_free(&f->v);
}

/* ---- collectors -------------------------------------------------------------------- */

static const struct collector_help {
	const char *name, *gives;
	bool core; /* nothing works without it */
} helps[] = {
	{ "waits", "time of every thread by state, every wait, slow waits", true },
	{ "calls", "every system call, also those that never wait", false },
	{ "blocked", "threads that slept before the start, operations still in progress", false },
};

struct trial {
	char *said; /* the first error that was printed */
	struct {
		bool known;
		enum hl_collector_state state;
		char *reason;
	} seen[ARRAY_SIZE(helps)];
};

static void on_log(void *arg, enum log_level l, const char *line)
{
	struct trial *t = arg;

	if (l == LOG_ERR && !t->said)
		t->said = xstrdup(line);
}

static int on_record(void *arg, const struct hl_rec *rec)
{
	struct trial *t = arg;

	for (size_t i = 0; rec->kind == HL_KIND_COLLECTOR && i < ARRAY_SIZE(helps); i++) {
		if (strcmp(rec_tail_str(rec, 0), helps[i].name))
			continue;
		free(t->seen[i].reason);
		t->seen[i].reason = xstrdup(rec_tail_str(rec, 1));
		t->seen[i].state = ((const struct hl_rec_collector *)rec)->state;
		t->seen[i].known = true;
	}
	return 0;
}

/* Loads and attaches everything for a moment: what the kernel says counts, nothing else. */
static void try_all(struct trial *t)
{
	struct live_cfg cfg = {
		.slow_ns = 10 * NSEC_PER_MSEC,
		.memory_bytes = 64ull << 20,
		.calls = CALLS_ON,
	};
	struct live *l;
	int status;

	log_set_sink(on_log, t);
	l = live_open(&cfg, on_record, t, &status);
	if (l && !live_start(l)) {
		usleep(20000);
		live_tick(l, false); /* the final one finds all detached */
		live_tick(l, true);
	}
	live_close(l);
	log_set_sink(NULL, NULL);
}

static const enum verdict verdict_of[NR_HL_COLLECTOR_STATES] = {
	[HL_COLLECTOR_ON] = DOCTOR_WORKS,
	[HL_COLLECTOR_OFF] = DOCTOR_NOT, /* it was asked for */
	[HL_COLLECTOR_LESS] = DOCTOR_LESS,
	[HL_COLLECTOR_UNAVAILABLE] = DOCTOR_NOT,
};

static void judge(struct findings *f, const struct trial *t, size_t i)
{
	const struct collector_help *h = &helps[i];
	const char *why = t->seen[i].known && t->seen[i].reason[0] ? t->seen[i].reason : t->said;
	enum verdict verdict = t->seen[i].known ? verdict_of[t->seen[i].state] : DOCTOR_NOT;

	if (!verdict) {
		findings_add(f, h->name, verdict, xstrdup(h->gives), xstrdup(""));
		return;
	}
	if (!h->core)
		verdict = DOCTOR_LESS;
	findings_add(f, h->name, verdict, xasprintf("%s; missing: %s", why ? why : "it did not start", h->gives),
		     xstrdup("see what does not work above; --debug tells what the kernel said"));
}

void doctor_collectors(struct findings *f)
{
	struct trial t = {};

	try_all(&t);
	for (size_t i = 0; i < ARRAY_SIZE(helps); i++) {
		judge(f, &t, i);
		free(t.seen[i].reason);
	}
	free(t.said);
}

/* ---- output ------------------------------------------------------------------------ */

static const char *const verdict_words[NR_VERDICTS] = { "works", "works less", "does not work" };
static const char *const verdict_keys[NR_VERDICTS] = { "works", "less", "not" };

static enum verdict worst(const struct findings *f)
{
	enum verdict verdict = DOCTOR_WORKS;

	for (size_t i = 0; i < f->v.n; i++)
		verdict = MAX(verdict, f->v.v[i].verdict);
	return verdict;
}

static void put_text(struct str *out, const char *title, const struct findings *f)
{
	bool ascii = output_ascii();

	str_addf(out, "%s\n", title);
	for (size_t i = 0; i < f->v.n; i++) {
		const struct finding *x = &f->v.v[i];

		str_addf(out, "  %-12s %-14s ", x->name, verdict_words[x->verdict]);
		enc_text(out, x->what, strlen(x->what), ascii);
		if (x->advice[0]) {
			str_add(out, "\n                              -> ");
			enc_text(out, x->advice, strlen(x->advice), ascii);
		}
		str_addc(out, '\n');
	}
}

static void put_string(struct str *out, const char *key, const char *value)
{
	str_addf(out, ",\"%s\":\"", key);
	enc_json(out, value, strlen(value));
	str_addc(out, '"');
}

static void put_json(struct str *out, const char *key, const struct findings *f)
{
	str_addf(out, ",\"%s\":[", key);
	for (size_t i = 0; i < f->v.n; i++) {
		const struct finding *x = &f->v.v[i];

		str_addf(out, "%s\n  {\"name\":\"%s\"", i ? "," : "", x->name);
		put_string(out, "verdict", verdict_keys[x->verdict]);
		put_string(out, "what", x->what);
		if (x->advice[0])
			put_string(out, "advice", x->advice);
		str_addc(out, '}');
	}
	str_add(out, "]");
}

static int run(const struct invocation *in)
{
	const struct values *v = in->values;
	struct findings host = {}, collectors = {};
	enum verdict core, all;
	struct str out = {};
	int err;

	doctor_host(&host);
	doctor_collectors(&collectors);
	core = worst(&collectors);
	all = MAX(core, MIN(worst(&host), DOCTOR_LESS));
	if (v->json) {
		str_addf(&out, "{\"schema\":\"hostlat-doctor/1\",\"tool\":{\"name\":\"hostlat\",\"version\":\"%s\"},\"verdict\":\"%s\"",
			 HL_VERSION, verdict_keys[all]);
		put_json(&out, "host", &host);
		put_json(&out, "collectors", &collectors);
		str_add(&out, "}\n");
	} else {
		put_text(&out, "Host", &host);
		put_text(&out, "Collectors", &collectors);
		str_addf(&out, "hostlat %s here.\n", verdict_words[all]);
	}
	err = output_stdout(&out);
	str_free(&out);
	findings_free(&host);
	findings_free(&collectors);
	if (err)
		return EXIT_FAILED;
	return core == DOCTOR_NOT ? EXIT_UNSUPPORTED : EXIT_OK;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.usage = "[--json]",
	.help = "Say what this host allows, and what to do about the rest",
	.more = "Loads and attaches every collector for a moment. Mounts tracefs where it is not.\n"
		"Exit status: 0 when hostlat works here, 3 when it cannot.\n",
	.rows = rows,
	.defaults = &defaults,
	.values_size = sizeof(struct values),
	.run = run,
};
