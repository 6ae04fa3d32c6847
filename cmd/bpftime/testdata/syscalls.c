/* Makes a known number of system calls, by several wrappers of the libc and by its syscall(). */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	char buf[256];

	for (int i = 0; i < 500; i++) {
		getppid();
		syscall(SYS_getppid);
	}
	for (int i = 0; i < 50; i++)
		syscall(SYS_fstat, 0, buf);
	for (int i = 0; i < 20; i++)
		syscall(SYS_fstat, -1, buf);
	for (int i = 0; i < 5; i++)
		umask(022);
	for (int i = 0; i < 3; i++)
		open("/no/such/file", O_RDONLY | O_CLOEXEC);
	return 0;
}
