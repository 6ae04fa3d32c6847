/* Makes system calls with known arguments, each three times: with all six, with a path, and two that the kernel calls
 * by another name than programs do. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	struct stat st;

	for (int i = 0; i < 3; i++) {
		syscall(SYS_copy_file_range, -1L, 0x2222222222L, -3L, 0x4444L, 0x5555L, 0x66L);
		syscall(SYS_openat, -7L, "no/such/file", 0x80000L, 0123L);
		syscall(SYS_fstat, -1L, &st);
		syscall(SYS_getppid);
	}
	return 23;
}
