mkdir -p tree/a/b tree/c
seq 1 20000 > tree/a/numbers; head -c 300000 /dev/zero > tree/a/b/zeros; ln -s ../a tree/c/link; ln tree/a/numbers tree/hard
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -czf tree.tgz tree
gzip -dc tree.tgz | sha256sum
tar --checkpoint=10000 --checkpoint-action=exec='checkpoint tar' -cf big.tar tree tree tree tree tree tree tree tree tree tree tree tree tree tree tree
mkdir out && tar -xzf tree.tgz -C out && diff -r tree out/tree && tar -tvzf tree.tgz | wc -l
tar -xf absent.tar || echo "tar says $?"
