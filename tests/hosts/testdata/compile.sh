# Many short execs: the driver, the compiler, the assembler, collect2, the linker.
for i in 1 2 3; do
	printf '#include <stdio.h>\n#include <stdlib.h>\nint main(void){char *p = malloc(%d); printf("%%d\\n", p != 0); free(p); return %d;}\n' $i $i > p$i.c
	gcc -O1 -pipe -o p$i p$i.c
	./p$i || echo "exit $?"
done
printf 'int main(void){return undeclared;}\n' > bad.c
gcc -o bad bad.c || echo "gcc says $?"
gcc -O2 -shared -fPIC -o lib.so -x c - <<< '' 2>/dev/null || echo 'int g(void){return 1;}' | gcc -O2 -shared -fPIC -o lib.so -x c -
nm -D lib.so | grep -c ' g$'
sha256sum < p1 | wc -c
