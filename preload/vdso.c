/* The vDSO: functions of the kernel that need no system call. Its section headers
 * lie in the mapped image, so a symbol is found without the libc. The kernel made
 * it: nothing here is hostile. */
#include "agent.h"
#include "native.h"

#include <elf.h>

extern unsigned long getauxval(unsigned long);

enum { COARSE = 6 /* CLOCK_MONOTONIC_COARSE */, PAGE_WORDS = 4096 / 8 };

static u64 find_in(const u8 *image, const Elf64_Shdr *symtab, const Elf64_Shdr *strtab, const char *name)
{
	const Elf64_Sym *sym = (const Elf64_Sym *)(image + symtab->sh_offset);

	for (u64 i = 0; i < symtab->sh_size / sizeof *sym; i++)
		if (sym[i].st_shndx && str_eq((const char *)image + strtab->sh_offset + sym[i].st_name, name))
			return (u64)image + sym[i].st_value;
	return 0;
}

/* The address of a function; 0: this kernel has none. */
u64 vdso_function(const char *name)
{
	const u8 *image = (const u8 *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)image;
	const Elf64_Shdr *s;

	if (!image || !e->e_shoff || e->e_shentsize != sizeof *s)
		return 0;
	s = (const Elf64_Shdr *)(image + e->e_shoff);
	for (u32 i = 0; i < e->e_shnum; i++)
		if (s[i].sh_type == SHT_DYNSYM && s[i].sh_link < e->e_shnum)
			return find_in(image, &s[i], &s[s[i].sh_link], name);
	return 0;
}

/* Two words in a row; 0: there is not exactly one such place. */
static const u64 *only_place(const u64 *page, const u64 words[2])
{
	const u64 *at = 0;

	for (u32 i = 0; i + 1 < PAGE_WORDS; i++) {
		if (page[i] != words[0] || page[i + 1] != words[1])
			continue;
		if (at)
			return 0;
		at = page + i;
	}
	return at;
}

/* Where the coarse clock's seconds and nanoseconds lie on the page of the kernel's data that the vDSO reads them from; 0:
 * not known. Kernels differ in where that is, and in a time namespace it is nowhere: the clock says what to look for, and
 * again, when it has moved on in between. */
const u64 *vdso_coarse(u64 page)
{
	u64 before[2], behind[2];

	for (u32 tries = 0; tries < 3; tries++) {
		const u64 *at;

		if (bpftime_resident.clock(COARSE, before))
			return 0;
		at = only_place((const u64 *)page, before);
		bpftime_resident.clock(COARSE, behind);
		if (before[0] == behind[0] && before[1] == behind[1])
			return at;
	}
	return 0;
}
