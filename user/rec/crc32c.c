/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* CRC32C by the processor's own instruction where there is one (about 25 times
 * faster), else by a table for half a byte. */
#include <string.h>

#include "rec/crc32c.h"

uint32_t crc32c_soft(uint32_t crc, const void *p, size_t n)
{
	/* the remainder of each value of four bits, polynomial 0x82f63b78 (reflected) */
	static const uint32_t table[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
		0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};
	const unsigned char *s = p;

	crc = ~crc;
	while (n--) {
		crc ^= *s++;
		crc = (crc >> 4) ^ table[crc & 15];
		crc = (crc >> 4) ^ table[crc & 15];
	}
	return ~crc;
}

#ifdef __x86_64__

__attribute__((target("sse4.2"))) static uint32_t crc32c_hard(uint32_t crc, const void *p, size_t n)
{
	const unsigned char *s = p;
	uint64_t c = (uint32_t)~crc, v;

	for (; n >= sizeof(v); n -= sizeof(v), s += sizeof(v)) {
		memcpy(&v, s, sizeof(v));
		c = __builtin_ia32_crc32di(c, v);
	}
	while (n--)
		c = __builtin_ia32_crc32qi((uint32_t)c, *s++);
	return ~(uint32_t)c;
}

static bool has_crc32c(void)
{
	return __builtin_cpu_supports("sse4.2");
}

#elif defined(__aarch64__)

#include <sys/auxv.h>
#include <arm_acle.h>

#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif

__attribute__((target("+crc"))) static uint32_t crc32c_hard(uint32_t crc, const void *p, size_t n)
{
	const unsigned char *s = p;
	uint64_t v;

	crc = ~crc;
	for (; n >= sizeof(v); n -= sizeof(v), s += sizeof(v)) {
		memcpy(&v, s, sizeof(v));
		crc = __crc32cd(crc, v);
	}
	while (n--)
		crc = __crc32cb(crc, *s++);
	return ~crc;
}

static bool has_crc32c(void)
{
	return getauxval(AT_HWCAP) & HWCAP_CRC32;
}

#else
#define crc32c_hard crc32c_soft

static bool has_crc32c(void)
{
	return false;
}

#endif

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
	return has_crc32c() ? crc32c_hard(crc, p, n) : crc32c_soft(crc, p, n);
}
