/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Fuzz target: DNS messages, which come from anywhere, whole, cut, and in pieces. Run by tests/fuzz/run.sh.
 *
 * fuzz sources: user/proto/ user/base/
 * fuzz libs: -lm
 */
#include <stdlib.h>
#include <string.h>

#include "base/embed.h"
#include "base/mem.h"
#include "proto/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

const struct embed embeds[] = { { 0 } };

static void must(bool held)
{
	if (!held)
		abort();
}

static void check(const struct dns_msg *m)
{
	size_t len = strlen(m->name);

	must(len < DNS_NAME_LEN && m->nr_addrs <= DNS_ADDRS);
	for (size_t i = 0; i < len; i++)
		must(m->name[i] > ' ' && m->name[i] < 0x7f);
	must(!m->asks || len);
}

static void on_message(void *arg, const uint8_t *p, size_t n, size_t whole)
{
	struct dns_msg m;

	must(n <= whole && n <= DNS_ROOM && whole >= DNS_HEAD);
	if (dns_parse(&m, p, n, whole))
		check(&m);
	++*(size_t *)arg;
}

/* The bytes in pieces, of which not all is taken along: their lengths stand in the bytes themselves. */
static void pieces(const uint8_t *data, size_t n)
{
	struct dns_stream s = {};
	size_t messages = 0, len, kept;

	while (n) {
		len = 1 + data[0] % 64;
		len = MIN(len, n);
		kept = data[0] & 0x80 ? len / 2 : len;
		if (!dns_stream_feed(&s, data, kept, len, on_message, &messages))
			return;
		data += len;
		n -= len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t *exact = memcpy(xmalloc(n + 1), data, n);
	struct dns_msg m, cut;

	exact = xrealloc(exact, n ? n : 1);
	if (dns_parse(&m, exact, n, n))
		check(&m);
	/* of one that goes on behind what is here */
	if (dns_parse(&cut, exact, n, n + 100)) {
		check(&cut);
		must(!strcmp(cut.name, m.name) && cut.nr_addrs == m.nr_addrs);
	}
	pieces(exact, n);
	free(exact);
	return 0;
}
