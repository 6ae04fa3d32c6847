/* The vDSO: functions of the kernel that need no system call. Its section headers
 * lie in the mapped image, so a symbol is found without the libc. The kernel made
 * it: nothing here is hostile. */
#include "agent.h"

#include <elf.h>

extern unsigned long getauxval(unsigned long);

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
