/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Writes what the shared mapping holds as one JSON document, for a run that ended or was killed. */
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const call_name[NR_W_CALLS] = {
#define X(id, name, nr) name,
	W_CALLS(X)
#undef X
};

static const char *const state_name[NR_HL_STATES] = {
#define X(id, NAME, key, title, work, colour, help) key,
	HL_STATES(X)
#undef X
};

static const char *const fate_name[] = { "open", "exited", "killed" };

/* Names are the generator's own, so that nothing needs escaping. */
static void count_object(FILE *f, const char *key, const struct w_thread *t, size_t member)
{
	const char *sep = "";

	fprintf(f, "\"%s\":{", key);
	for (int i = 0; i < NR_W_CALLS; i++) {
		uint64_t n = *(const uint64_t *)((const char *)&t->calls[i] + member);

		if (!n)
			continue;
		fprintf(f, "%s\"%s\":%" PRIu64, sep, call_name[i], n);
		sep = ",";
	}
	fprintf(f, "},");
}

static void state_object(FILE *f, const char *key, const uint64_t v[NR_HL_STATES])
{
	const char *sep = "";

	fprintf(f, "\"%s\":{", key);
	for (int i = 0; i < NR_HL_STATES; i++) {
		if (!v[i])
			continue;
		fprintf(f, "%s\"%s\":%" PRIu64, sep, state_name[i], v[i]);
		sep = ",";
	}
	fprintf(f, "}");
}

static void name_hex(FILE *f, const struct w_thread *t)
{
	fprintf(f, "\"name_hex\":\"");
	for (size_t i = 0; i < strnlen(t->name, sizeof(t->name)); i++)
		fprintf(f, "%02x", (unsigned char)t->name[i]);
	fprintf(f, "\",");
}

static void thread_object(FILE *f, const struct w_thread *t)
{
	uint64_t errors = 0;

	for (int i = 0; i < NR_W_CALLS; i++)
		errors += t->calls[i].errors;
	fprintf(f, "{\"pid\":%u,\"tid\":%u,\"role\":\"%.*s\",", t->pid, t->tid, (int)sizeof(t->role),
		t->role);
	if (t->name[0])
		name_hex(f, t);
	count_object(f, "calls", t, offsetof(struct w_count, attempted));
	count_object(f, "returned", t, offsetof(struct w_count, returned));
	count_object(f, "errors_by", t, offsetof(struct w_count, errors));
	fprintf(f, "\"errors\":%" PRIu64 ",", errors);
	state_object(f, "state_ns", t->state_ns);
	fprintf(f, ",");
	state_object(f, "waits", t->waits);
	fprintf(f, ",");
	state_object(f, "max_ns", t->max_ns);
	fprintf(f,
		",\"cpu_ns\":%" PRIu64 ",\"schedstat_delay_ns\":%" PRIu64 ",\"begin_ns\":%" PRIu64
		",\"end_ns\":%" PRIu64 ",\"wall_ns\":%" PRIu64 ",\"ended\":%s}",
		t->cpu_ns, t->delay_ns, t->begin_ns, t->end_ns, t->end_ns ? t->end_ns - t->begin_ns : 0,
		t->end_ns ? "true" : "false");
}

static uint32_t kept(uint32_t n, uint32_t max)
{
	return n < max ? n : max;
}

static void thread_list(FILE *f, const struct w_shared *sh)
{
	const char *sep = "";

	fprintf(f, "\"threads\":[");
	for (uint32_t i = 0; i < kept(sh->nr_threads, W_MAX_THREADS); i++) {
		if (!sh->threads[i].tid)
			continue; /* never came to life */
		fprintf(f, "%s\n", sep);
		thread_object(f, &sh->threads[i]);
		sep = ",";
	}
	fprintf(f, "]");
}

static void child_list(FILE *f, const struct w_shared *sh)
{
	uint32_t n = kept(sh->nr_children, W_MAX_CHILDREN);

	if (!n)
		return;
	fprintf(f, ",\n\"children\":[");
	for (uint32_t i = 0; i < n; i++) {
		const struct w_child *c = &sh->children[i];

		fprintf(f, "%s{\"pid\":%u,\"fate\":\"%s\",\"begin_ns\":%" PRIu64 ",\"end_ns\":%" PRIu64 "}",
			i ? ",\n" : "\n", c->pid, fate_name[c->fate <= W_KILLED ? c->fate : 0], c->begin_ns,
			c->end_ns);
	}
	fprintf(f, "]");
}

static void slow_list(FILE *f, const struct w_shared *sh)
{
	uint32_t n = kept(sh->nr_slow, W_MAX_SLOW);

	fprintf(f, ",\n\"slow\":[");
	for (uint32_t i = 0; i < n; i++) {
		const struct w_slow *s = &sh->slow[i];

		fprintf(f,
			"%s{\"pid\":%u,\"tid\":%u,\"call\":\"%s\",\"state\":\"%s\",\"begin_ns\":%" PRIu64
			",\"duration_ns\":%" PRIu64 "}",
			i ? ",\n" : "\n", s->pid, s->tid, call_name[s->call % NR_W_CALLS],
			state_name[s->state % NR_HL_STATES], s->begin_ns, s->duration_ns);
	}
	fprintf(f, "]");
}

static void document(FILE *f, const struct w *w)
{
	const struct w_shared *sh = w->sh;
	uint64_t end = sh->end_ns ? sh->end_ns : sh->begin_ns;

	fprintf(f, "{\"mode\":\"%.*s\",\"pid\":%u,\"finished\":%s,\"failed\":%s,", (int)sizeof(sh->mode),
		sh->mode, sh->pid, sh->finished ? "true" : "false", sh->failed ? "true" : "false");
	fprintf(f, "\"begin_ns\":%" PRIu64 ",\"end_ns\":%" PRIu64 ",\"wall_ns\":%" PRIu64 ",\n\"extra\":{",
		sh->begin_ns, sh->end_ns, end - sh->begin_ns);
	for (uint32_t i = 0; i < kept(sh->nr_extra, W_MAX_EXTRA); i++)
		fprintf(f, "%s\"%s\":%.15g", i ? "," : "", sh->extra[i].key, sh->extra[i].value);
	fprintf(f, "},\n\"nr_threads\":%u,\"nr_children\":%u,\"nr_slow\":%u,\n", sh->nr_threads,
		sh->nr_children, sh->nr_slow);
	thread_list(f, sh);
	child_list(f, sh);
	if (w->opt.list_slow)
		slow_list(f, sh);
	fprintf(f, "}\n");
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t r = write(fd, p, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

int w_print(struct w *w)
{
	char *text = NULL;
	size_t size = 0;
	int fd = 1, err;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return w_fail(w, "write the result", -ENOMEM);
	document(f, w);
	if (fclose(f)) {
		free(text);
		return w_fail(w, "write the result", -ENOMEM);
	}
	if (w->opt.json)
		fd = open(w->opt.json, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	err = fd < 0 ? -errno : write_all(fd, text, size);
	if (w->opt.json && fd >= 0 && close(fd) && !err)
		err = -errno;
	free(text);
	return err ? w_fail(w, w->opt.json ? w->opt.json : "write the result", err) : 0;
}
