// marked [LIBRARY]: a program, or one with a library that it loads, whose marker and whose semaphore must tell the same:
// somebody listens, or nobody does. With -DLIBRARY it is the library. It calls the marker, says so, and waits for the
// end of its input. With -DFULL the semaphore is at its end already, with -DSEALED nobody may write to it when the
// agent starts: then nobody can listen.
#include <dlfcn.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef FULL
#define VALUE 0xffff
#else
#define VALUE 0
#endif
union page {
	unsigned short n;
	char all[4096];
} semaphore __attribute__((section(".probes"), visibility("hidden"), aligned(4096))) = {VALUE};

#ifdef SEALED
static void seal(void) { mprotect(&semaphore, 4096, PROT_READ); }
__attribute__((section(".preinit_array"), used)) static void (*before_all)(void) = seal;
#endif
extern const unsigned char site[] __attribute__((visibility("hidden")));
void mark(long n);

__asm__(".pushsection .text\n.globl mark\n.type mark,@function\nmark: .cfi_startproc\n"
	"	lea 1(%rdi), %rax\n"
	".globl site\n.hidden site\nsite: nop\n"
	"	lea (%rax,%rax), %rax\n	lea (%rax,%rax), %rax\n	ret\n.cfi_endproc\n.size mark,.-mark\n"
	".popsection\n"
	".pushsection .note.stapsdt,\"\",\"note\"\n.balign 4\n.4byte 2f-1f, 4f-3f, 3\n1: .asciz \"stapsdt\"\n2: .balign 4\n"
	"3: .8byte site, 0, semaphore\n.asciz \"marked\"\n.asciz \"mark\"\n.asciz \"8@%rdi\"\n4: .balign 4\n.popsection\n");

int agrees(void)
{
	int patched = site[0] != 0x90, announced = *(volatile unsigned short *)&semaphore.n != VALUE;

	mark(7);
	return patched == announced;
}

#ifndef LIBRARY
int main(int argc, char **argv)
{
	void *handle = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : 0;
	int (*library)(void) = handle ? (int (*)(void))(intptr_t)dlsym(handle, "agrees") : agrees;
	char c;

	if (!agrees() || !library || !library())
		return 98;
	if (write(1, "ready\n", 6) != 6)
		return 96;
	while (read(0, &c, 1) > 0)
		;
	return 23;
}
#endif
