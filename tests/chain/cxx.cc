/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Sites in C++. Names are written out as a demangler gives them: there is no
 * word of the language for that. The second stack is left by destructors, so
 * that it follows exceptions.
 */
#include "sites.h"

#include <unistd.h>

namespace
{

/* Leaves what ENTER_AS entered, however the function is left. */
struct Leave {
	struct chain *c;

	explicit inline __attribute__((always_inline)) Leave(struct chain *chain) : c(chain)
	{
	}
	inline __attribute__((always_inline)) ~Leave()
	{
		c->n--;
	}
	Leave(const Leave &) = delete;
	Leave &operator=(const Leave &) = delete;
};

} // namespace

#define IN(c, name)                                                                                          \
	ENTER_AS(c, name, false);                                                                            \
	Leave leave_(c)
#define IN_INLINED(c, name)                                                                                  \
	ENTER_AS(c, name, true);                                                                             \
	Leave leave_(c)

/* ---- namespaces, overloads, templates ------------------------------------------- */

namespace outer
{
namespace inner
{

NOINLINE long sleeps(struct chain *c)
{
	IN(c, "outer::inner::sleeps(chain*)");
	long r = SLEEP(c);
	return r + 1;
}

NOINLINE long over(struct chain *c, int x)
{
	IN(c, "outer::inner::over(chain*, int)");
	long r = AT(c, sleeps(c));
	return r + x;
}

NOINLINE long over(struct chain *c, const char *x)
{
	IN(c, "outer::inner::over(chain*, char const*)");
	long r = AT(c, over(c, int(*x)));
	return r + *x;
}

} // namespace inner

struct Tag {
	long value;
};

template <typename T> NOINLINE long twice(struct chain *c, T x, const char *name)
{
	ENTER_AS(c, name, false);
	Leave leave_(c);
	long r = AT(c, inner::sleeps(c));
	return r + long(sizeof(x));
}

template <typename T, int N> struct Ring {
	T items[N];

	NOINLINE long turn(struct chain *c, const char *name)
	{
		ENTER_AS(c, name, false);
		Leave leave_(c);
		long r = AT(c, (twice<int>(c, N, "long outer::twice<int>(chain*, int, char const*)")));
		return r + long(items[0].value);
	}
};

} // namespace outer

extern "C" long site_cxx_namespace(struct chain *c)
{
	IN(c, "site_cxx_namespace");
	long r = AT(c, outer::inner::sleeps(c));
	return r + 1;
}

extern "C" long site_cxx_overload(struct chain *c)
{
	IN(c, "site_cxx_overload");
	long r = AT(c, outer::inner::over(c, "x"));
	return r + 1;
}

extern "C" long site_cxx_template(struct chain *c)
{
	IN(c, "site_cxx_template");
	outer::Ring<outer::Tag, 4> ring = {};
	long r = AT(c, ring.turn(c, "outer::Ring<outer::Tag, 4>::turn(chain*, char const*)"));
	return r + 1;
}

/* ---- functions without a name of their own ------------------------------------------ */

namespace
{

NOINLINE long unnamed(struct chain *c)
{
	IN(c, "(anonymous namespace)::unnamed(chain*)");
	long r = RAW_SLEEP(c);
	return r + 1;
}

} // namespace

extern "C" long site_cxx_anonymous(struct chain *c)
{
	IN(c, "site_cxx_anonymous");
	long r = AT(c, unnamed(c));
	return r + 1;
}

extern "C" long site_cxx_lambda(struct chain *c)
{
	IN(c, "site_cxx_lambda");
	auto sleeps = [c](int x) NOINLINE -> long {
		IN(c, "site_cxx_lambda::{lambda(int)#1}::operator()(int) const");
		long r = SLEEP(c);
		return r + x;
	};
	long r = AT(c, sleeps(3));
	return r + 1;
}

/* ---- classes ---------------------------------------------------------------------------- */

namespace shape
{

struct Named {
	virtual ~Named() = default;
	virtual long name(struct chain *c) = 0;
};

struct Sized {
	virtual ~Sized() = default;
	virtual long size(struct chain *c) = 0;
};

/* The second base: calls go by a piece of code that corrects the pointer and leaves no frame. */
struct Square : Named, Sized {
	long side = 2;

	NOINLINE long name(struct chain *c) override
	{
		IN(c, "shape::Square::name(chain*)");
		long r = SLEEP(c);
		return r + side;
	}
	NOINLINE long size(struct chain *c) override
	{
		IN(c, "shape::Square::size(chain*)");
		Named *self = this;
		__asm__("" : "+r"(self));
		long r = AT(c, self->name(c));
		return r + side;
	}
};

NOINLINE Sized *make()
{
	static Square square;
	return &square;
}

struct Meter {
	long value;

	inline __attribute__((always_inline)) long scaled(struct chain *c, long by) const
	{
		IN_INLINED(c, "shape::Meter::scaled(chain*, long) const");
		long r = AT(c, outer::inner::sleeps(c));
		return r + value * by;
	}
};

template <typename T> inline __attribute__((always_inline)) long measure(struct chain *c, const T &x)
{
	IN_INLINED(c, "long shape::measure<shape::Meter>(chain*, shape::Meter const&)");
	long r = AT(c, x.scaled(c, 3));
	return r + x.value;
}

struct Sum {
	struct chain *c;
	long value;
};

NOINLINE Sum operator+(const Sum &a, const Sum &b)
{
	IN(a.c, "shape::operator+(shape::Sum const&, shape::Sum const&)");
	long r = AT(a.c, outer::inner::sleeps(a.c));
	return Sum{ a.c, a.value + b.value + r };
}

struct Slow {
	struct chain *c;
	long value = 1;

	NOINLINE explicit Slow(struct chain *chain) : c(chain)
	{
		IN(c, "shape::Slow::Slow(chain*)");
		value = SLEEP(c);
	}
};

struct SlowEnd {
	struct chain *c;

	NOINLINE ~SlowEnd()
	{
		IN(c, "shape::SlowEnd::~SlowEnd()");
		long r = SLEEP(c);
		c->sum += r;
	}
};

} // namespace shape

extern "C" long site_cxx_virtual(struct chain *c)
{
	IN(c, "site_cxx_virtual");
	shape::Sized *s = shape::make();
	long r = AT(c, s->size(c));
	return r + 1;
}

extern "C" long site_cxx_inlined(struct chain *c)
{
	IN(c, "site_cxx_inlined");
	shape::Meter m = { c->site };
	long r = AT(c, shape::measure(c, m));
	return r + 1;
}

extern "C" long site_cxx_operator(struct chain *c)
{
	IN(c, "site_cxx_operator");
	shape::Sum a = { c, 1 }, b = { c, 2 };
	long r = AT(c, (a + b).value);
	return r + 1;
}

extern "C" long site_cxx_ctor(struct chain *c)
{
	IN(c, "site_cxx_ctor");
	long r = AT(c, shape::Slow(c).value);
	return r + 1;
}

/* Which line an end has that nobody wrote is the compiler's to choose. */
static NOINLINE long ends(struct chain *c)
{
	IN(c, "ends(chain*)");
	shape::SlowEnd e = { c };
	c->sum++;
	return e.c->sum;
}

extern "C" long site_cxx_dtor(struct chain *c)
{
	IN(c, "site_cxx_dtor");
	long r = AT(c, ends(c));
	return r + 1;
}

/* ---- exceptions ------------------------------------------------------------------------------ */

namespace thrown
{

static NOINLINE void throws(struct chain *c, int depth)
{
	IN(c, "thrown::throws(chain*, int)");
	if (!depth)
		throw c->site;
	throws(c, depth - 1);
	c->sum++;
}

/* The handler is a part of the function that is not where the rest of it is. */
static NOINLINE long catches(struct chain *c)
{
	IN(c, "thrown::catches(chain*)");
	try {
		throws(c, 3);
	} catch (int x) {
		long r = SLEEP(c);
		return r + x;
	}
	return 0;
}

/* An object whose end is slow, while an exception passes by. */
static NOINLINE long passes(struct chain *c)
{
	IN(c, "thrown::passes(chain*)");
	shape::SlowEnd e = { c };
	AT_NO_LINE(c, throws(c, 3));
	return e.c->sum;
}

struct Error {
	struct chain *c;

	NOINLINE ~Error()
	{
		IN(c, "thrown::Error::~Error()");
		long r = SLEEP(c);
		c->sum += r;
	}
};

static NOINLINE void throws_error(struct chain *c)
{
	IN(c, "thrown::throws_error(chain*)");
	throw Error{ c };
}

/* The exception ends with its handler, and that is a function of the C++ library in between. */
static NOINLINE long ends_error(struct chain *c)
{
	IN(c, "thrown::ends_error(chain*)");
	try {
		throws_error(c);
	} catch (const Error &e) {
		AT_NO_LINE(c, (void)0);
		c->sum += e.c->site;
	}
	return c->sum;
}

} // namespace thrown

extern "C" long site_cxx_catch(struct chain *c)
{
	IN(c, "site_cxx_catch");
	long r = AT(c, thrown::catches(c));
	return r + 1;
}

extern "C" long site_cxx_unwinding(struct chain *c)
{
	IN(c, "site_cxx_unwinding");
	try {
		c->sum += AT(c, thrown::passes(c));
	} catch (int x) {
		return x;
	}
	return 0;
}

extern "C" long site_cxx_exception_dtor(struct chain *c)
{
	IN(c, "site_cxx_exception_dtor");
	long r = AT(c, thrown::ends_error(c));
	return r + 1;
}
