/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* DNS over TCP: messages out of the pieces in which programs write and read them. Called by kern/dns.c. */
#include <string.h>

#include "proto/dns.h"

#define LENGTH 2 /* bytes before a message */

static void take_length(struct dns_stream *s, uint8_t byte)
{
	s->length = s->length << 8 | byte;
	s->at++;
	s->broken = s->at == LENGTH && s->length < DNS_HEAD;
}

/* More of the message: `more` bytes, of which n are here. What is not cannot be made up for. */
static void take_body(struct dns_stream *s, const uint8_t *p, size_t n, size_t more)
{
	size_t take = MIN(n, DNS_ROOM - s->have);

	if (s->have == s->at - LENGTH && take) {
		memcpy(s->data + s->have, p, take);
		s->have += (uint32_t)take;
	}
	s->at += (uint32_t)more;
}

bool dns_stream_feed(struct dns_stream *s, const uint8_t *p, size_t n, size_t whole, dns_message_fn fn,
		     void *arg)
{
	size_t at = 0, more;

	while (at < whole && !s->broken) {
		if (s->at < LENGTH && at >= n) { /* it was not taken along */
			s->broken = true;
		} else if (s->at < LENGTH) {
			take_length(s, p[at++]);
		} else {
			more = MIN(s->length + LENGTH - s->at, whole - at);
			take_body(s, p + MIN(at, n), at < n ? MIN(n - at, more) : 0, more);
			at += more;
		}
		if (s->broken || s->at < LENGTH || s->at < s->length + LENGTH)
			continue;
		fn(arg, s->data, s->have, s->length);
		s->at = s->length = s->have = 0;
	}
	return !s->broken;
}
