/* A library that calls back: a step of the chain that sym_chain.c makes. */
int lib_call(int (*fn)(int), int n);

__attribute__((noinline)) int lib_call(int (*fn)(int), int n)
{
	return fn(n + 1) + 1;
}
