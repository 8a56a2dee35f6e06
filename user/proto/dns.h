/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* One DNS message, or its first bytes. Pure: bytes in, numbers and names out. */
#ifndef PROTO_DNS_H
#define PROTO_DNS_H

#include "base/base.h"

#define DNS_HEAD     12   /* bytes of a message's header: none is shorter */
#define DNS_NAME_LEN 1024 /* a name of 255 bytes as text, each of them "\ddd" at most */
#define DNS_ADDRS    16   /* of an answer, so many are told of */

struct dns_addr {
	uint8_t family; /* AF_INET or AF_INET6 */
	uint8_t addr[16];
};

struct dns_msg {
	uint16_t id;
	bool answer, truncated, asks; /* asks: there is a question */
	uint16_t rcode, type, class;
	uint64_t question; /* hash of the name, whatever its case, the type and the class */
	/* The name as master files write it: printable ASCII, "." for the root, else without one at its end.
	 */
	char name[DNS_NAME_LEN];
	size_t nr_addrs;
	struct dns_addr addrs[DNS_ADDRS];
};

/*
 * n bytes of a message that is `whole` bytes long. False: it is no DNS message. Header and question have to
 * be sound; of what is behind them as much is taken as is.
 */
bool dns_parse(struct dns_msg *m, const uint8_t *p, size_t n, size_t whole);

#define DNS_ROOM 512 /* of a message over TCP, so much is kept */

/* One way of a TCP connection: two bytes of length, the message, and so on. All zero: at a message's begin.
 */
struct dns_stream {
	uint32_t at, length; /* of the message that goes on: how much there was of it, with the two bytes */
	uint32_t have;       /* of the message, in `data` */
	bool broken;         /* where a message begins is not known any more */
	uint8_t data[DNS_ROOM];
};

typedef void (*dns_message_fn)(void *arg, const uint8_t *p, size_t n, size_t whole);

/*
 * The next `whole` bytes, of which the first n are here; fn for each message that is complete. False: it is
 * broken.
 */
bool dns_stream_feed(struct dns_stream *s, const uint8_t *p, size_t n, size_t whole, dns_message_fn fn,
		     void *arg);

/* "AAAA", "NXDOMAIN"; of others "TYPE65280", "RCODE22", in buf. */
#define DNS_WORD_LEN 16
const char *dns_type_name(uint16_t type, char buf[DNS_WORD_LEN]);
const char *dns_rcode_name(uint16_t rcode, char buf[DNS_WORD_LEN]);

#define DNS_TYPE_A    1
#define DNS_TYPE_AAAA 28
#define DNS_TYPE_OPT  41
#define DNS_TYPE_IXFR 251
#define DNS_TYPE_AXFR 252

#define DNS_NXDOMAIN 3
#define DNS_SERVFAIL 2
#define DNS_REFUSED  5

#endif
