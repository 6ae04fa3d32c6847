// A library with functions of its own that happen to be called like those of Go's runtime for C, and a program that
// uses it. As a program it prints what the library says.
#include <stdio.h>

const char *fatalf(void);
const char *crosscall1(void);
const char *_cgo_panic(void);
const char *say(int which);

#ifdef LIBRARY
const char *fatalf(void) { return "the library's own"; }
const char *crosscall1(void) { return "crosscall1, the library's own"; }
const char *_cgo_panic(void) { return "_cgo_panic, the library's own"; }

const char *say(int which) // by the PLT, as libraries call their own exported functions
{
	return which == 0 ? fatalf() : which == 1 ? crosscall1() : _cgo_panic();
}
#else
int main(int argc, char **argv)
{
	(void)argv;
	puts(say(argc - 1));
	return 0;
}
#endif
