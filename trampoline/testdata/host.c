/* Calls f of a preloaded object with a pattern in every register and 20 words on
 * the stack, and prints what is in every register and in the object's buffer
 * afterwards. Run with and without probes it must print the same, so nothing is
 * printed that depends on where things lie: the program is linked at a fixed
 * address, and of rsp only the change is shown.
 *
 *   host ROUNDS [buffer]      buffer: the first argument is a pointer
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RAX, RCX, RDX, RBX, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, RSP, NREGS };

struct registers {
	unsigned long r[NREGS];
	unsigned char xmm[16][16];
};

struct registers in, out;
void *target;
unsigned long host_rsp, call_rsp;
unsigned char buffer[64];
void call_target(void);

__asm__("	.text\n"
	"	.macro	each_xmm op, from, to\n"
	"	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
	"	.ifc	\\op, load\n"
	"	movups	in+128+16*\\n(%rip), %xmm\\n\n"
	"	.else\n"
	"	movups	%xmm\\n, out+128+16*\\n(%rip)\n"
	"	.endif\n"
	"	.endr\n"
	"	.endm\n"
	"call_target:\n"
	"	.cfi_startproc\n"
	"	push %rbx\n	push %rbp\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
	"	mov	%rsp, host_rsp(%rip)\n"
	"	sub	$8, %rsp\n"
	"	mov	$20, %ecx\n"
	"1:	lea	0x5a5a0000(%rcx), %rax\n"
	"	push	%rax\n"
	"	dec	%ecx\n"
	"	jnz	1b\n"
	"	mov	%rsp, call_rsp(%rip)\n"
	"	each_xmm load\n"
	"	mov	in+0(%rip), %rax\n	mov	in+8(%rip), %rcx\n	mov	in+16(%rip), %rdx\n	mov	in+24(%rip), %rbx\n"
	"	mov	in+32(%rip), %rbp\n	mov	in+40(%rip), %rsi\n	mov	in+48(%rip), %rdi\n	mov	in+56(%rip), %r8\n"
	"	mov	in+64(%rip), %r9\n	mov	in+72(%rip), %r10\n	mov	in+80(%rip), %r11\n	mov	in+88(%rip), %r12\n"
	"	mov	in+96(%rip), %r13\n	mov	in+104(%rip), %r14\n	mov	in+112(%rip), %r15\n"
	"	call	*target(%rip)\n"
	"	mov	%rax, out+0(%rip)\n	mov	%rcx, out+8(%rip)\n	mov	%rdx, out+16(%rip)\n	mov	%rbx, out+24(%rip)\n"
	"	mov	%rbp, out+32(%rip)\n	mov	%rsi, out+40(%rip)\n	mov	%rdi, out+48(%rip)\n	mov	%r8, out+56(%rip)\n"
	"	mov	%r9, out+64(%rip)\n	mov	%r10, out+72(%rip)\n	mov	%r11, out+80(%rip)\n	mov	%r12, out+88(%rip)\n"
	"	mov	%r13, out+96(%rip)\n	mov	%r14, out+104(%rip)\n	mov	%r15, out+112(%rip)\n	mov	%rsp, out+120(%rip)\n"
	"	each_xmm store\n"
	"	mov	host_rsp(%rip), %rsp\n"
	"	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbp\n	pop %rbx\n"
	"	ret\n"
	"	.cfi_endproc\n");

static void fill(unsigned round, int pointer)
{
	for (int i = 0; i < NREGS; i++)
		in.r[i] = 0x1122334455660000ul + 0x100 * (unsigned)i;
	for (int i = 0; i < 16; i++)
		memset(in.xmm[i], 0xa0 + i, 16);
	in.r[RCX] = round % 2 ? in.r[RCX] : 0;
	in.r[RDI] = round % 5 == 4 ? 0xfffffff0ul : round;
	if (pointer)
		in.r[RDI] = (unsigned long)buffer;
}

static void show(const char *what, const void *from, size_t n)
{
	const unsigned char *p = from;

	printf(" %s", what);
	for (size_t i = 0; i < n; i++)
		printf("%s%02x", i % 8 ? "" : " ", p[i]);
	putchar('\n');
}

int main(int argc, char **argv)
{
	void *seen = dlsym(RTLD_DEFAULT, "seen");
	int pointer = argc > 2 && !strcmp(argv[2], "buffer");

	target = dlsym(RTLD_DEFAULT, "f");
	if (!target || !seen)
		return 3;
	for (int round = 0; round < atoi(argv[1]); round++) {
		fill(round, pointer);
		call_target();
		out.r[RSP] -= call_rsp;
		printf("round %d\n", round);
		show("registers", &out, sizeof out);
		show("buffer", buffer, sizeof buffer);
		show("seen", seen, 384);
	}
	return 0;
}
