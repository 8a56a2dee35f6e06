/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* CRC32C (Castagnoli), the checksum of recordings. Used by the writer and the reader. */
#ifndef REC_CRC32C_H
#define REC_CRC32C_H

#include "base/base.h"

/* Of n bytes; crc is 0, or the result for the bytes before them. */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);
/* The same without special instructions: for machines without them, and to compare. */
uint32_t crc32c_soft(uint32_t crc, const void *p, size_t n);

#endif
