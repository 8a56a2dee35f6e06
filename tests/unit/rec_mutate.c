/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* A short run of the fuzz target, the same each time: a sound recording with a few bytes
 * changed, moved or cut. A finding aborts. The long run is tests/fuzz/run.sh. */
#include "tests/fuzz/rec_fuzz.c"
#include "tests/test.h"
#include "tests/unit/rec_util.h"

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*state >> 33);
}

static size_t mutate(uint8_t *p, size_t n, uint64_t *state)
{
	static const uint32_t words[] = { 0, 1, 8, 24, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff };
	uint32_t what = next_random(state), where = next_random(state) % (uint32_t)n;
	uint32_t from = next_random(state) % (uint32_t)n, len = what / 8 % 64;

	if (what % 8 < 3)
		p[where] = (uint8_t)(what >> 8);
	else if (what % 8 < 5 && where + 4 <= n)
		memcpy(p + where, &words[what / 8 % ARRAY_SIZE(words)], 4);
	else if (what % 8 < 7 && MAX(where, from) + len <= n)
		memmove(p + where, p + from, len);
	else if (what % 64 == 7)
		return MAX(where, 1u);
	return n;
}

void test_rec_mutations(void)
{
	uint64_t state = 1;
	uint8_t *seed, *p;
	size_t n, len;

	seed = sample_file(2, &n);
	p = xmalloc(n + 1);
	for (unsigned int i = 0; i < 20000; i++) {
		/* every other time behind a byte that picks how the target takes it */
		p[0] = (uint8_t)(i / 2);
		memcpy(p + (i & 1), seed, n);
		len = n + (i & 1);
		for (uint32_t k = next_random(&state) % 8 + 1; k; k--)
			len = mutate(p, len, &state);
		ASSERT_EQ(LLVMFuzzerTestOneInput(p, len), 0);
	}
	log_set_sink(NULL, NULL);
	free(p);
	free(seed);
}
