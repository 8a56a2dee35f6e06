/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Functions and probes of every kind, for tests/unit/sym_find.c. Lines that are asked for end in a comment.
 */
#include <stdio.h>
#include <stdlib.h>

#define NOINLINE __attribute__((noinline, noclone))

volatile int sink;

namespace ns
{
struct Class {
	int v;
	int method(int a);
	int method(const char *s);
	Class operator+(const Class &other);
};

NOINLINE int Class::method(int a)
{
	sink += a; /* method */
	return v + a;
}

NOINLINE int Class::method(const char *s)
{
	return v + *s;
}

NOINLINE Class Class::operator+(const Class &other)
{
	return Class{ v + other.v + sink };
}

template <typename T> NOINLINE T twice(T a)
{
	return a + a + sink;
}
} // namespace ns

static inline __attribute__((always_inline)) void folded(int a)
{
	sink ^= a; /* folded */
}

extern "C" {
NOINLINE int plain(int a)
{
	folded(a);
	return a + sink;
}
int other_name(int a) __attribute__((alias("plain")));

NOINLINE int second(int a)
{
	folded(a + 1);
	return a - sink;
}

static int __chosen_fast(int a)
{
	return a + 1;
}
static int __chosen_slow(int a)
{
	return a + 2;
}
typedef int (*chosen_fn)(int);
static chosen_fn choose(void)
{
	return getenv("SLOW") ? __chosen_slow : __chosen_fast;
}
int chosen(int a) __attribute__((ifunc("choose")));

int looper(int), marked(int), marked_loop(int), tail(int), rets(int), locked(int *), endless(int), split(int);
unsigned short find_semaphore __attribute__((section(".probes"), used));
}

/* clang-format off */
#define FUNCTION(name) ".globl " name "\n.type " name ", @function\n" name ":\n"
#define END(name)      ".size " name ", . - " name "\n"
/* What a USDT probe leaves behind: where it is, its semaphore, its names and arguments. */
#define PROBE(where, provider, name, args)                                                                   \
	".pushsection .note.stapsdt, \"?\", \"note\"\n.balign 4\n"                                           \
	".4byte 992f - 991f, 994f - 993f, 3\n991: .asciz \"stapsdt\"\n992: .balign 4\n"                      \
	"993: .8byte " where ", _.stapsdt.base, find_semaphore\n.asciz \"" provider "\"\n.asciz \"" name     \
	"\"\n.asciz \"" args "\"\n994: .balign 4\n.popsection\n"

#if defined(__x86_64__)
asm(".pushsection .stapsdt.base, \"aG\", \"progbits\", .stapsdt.base, comdat\n"
    ".weak _.stapsdt.base\n.hidden _.stapsdt.base\n_.stapsdt.base: .space 1\n"
    ".size _.stapsdt.base, 1\n.popsection\n"
    ".text\n"
    /* jumps to where it begins */
    FUNCTION("looper") "dec %edi\njnz looper\nxor %eax, %eax\nret\n" END("looper")
    /* whose second instruction is cheaper, and one in which that is jumped to */
    FUNCTION("marked") ".byte 0xf3, 0x0f, 0x1e, 0xfa\npush %rbx\nmov %edi, %eax\npop %rbx\nret\n" END("marked")
    FUNCTION("marked_loop") ".byte 0xf3, 0x0f, 0x1e, 0xfa\n1: push %rbx\npop %rbx\ndec %edi\njnz 1b\nret\n"
    END("marked_loop")
    FUNCTION("tail") "inc %edi\njmp plain\n" END("tail")
    FUNCTION("rets") "test %edi, %edi\njz 1f\nmov $1, %eax\nret\n1: js plain\nxor %eax, %eax\nrep ret\n"
    "ud2\n" END("rets")
    FUNCTION("locked") "lock incl (%rdi)\nret\n" END("locked")
    FUNCTION("endless") "1: pause\njmp 1b\n" END("endless")
    FUNCTION("split") "push %rbx\npop %rbx\nret\n" END("split")
    FUNCTION("split.part.0") "push %rbp\npop %rbp\nret\n" END("split.part.0")
    FUNCTION("split.cold") "push %rbp\npop %rbp\nret\n" END("split.cold")
    FUNCTION("gone.constprop.0") "push %rbp\npop %rbp\nret\n" END("gone.constprop.0")
    FUNCTION("probed") "mov %edi, %eax\n990: nop\nnop\n989: .byte 0x0f, 0x1f, 0x44, 0, 0\nret\n" END("probed")
    PROBE("990b", "shop", "sold", "-4@%edi 8@$7 8@-8(%rsp) -4@sink(%rip)")
    PROBE("989b", "shop", "bought", "")
    ".data\n" FUNCTION("not_code") ".byte 0xc3\n" END("not_code") ".text\n");
#endif

int main(int argc, char **argv)
{
	ns::Class c = { argc };

	sink = c.method(argc) + c.method(argv[0]) + (c + c).v + ns::twice(argc) + plain(argc) + second(argc) +
	       other_name(argc) + chosen(argc);
	return 0;
}
