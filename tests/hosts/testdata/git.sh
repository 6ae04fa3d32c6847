git init -q -b main repo && cd repo
git config user.name Host && git config user.email host@example.org && git config core.pager cat
git config alias.point '!checkpoint'
for i in 1 2 3 4 5; do seq 1 $((i * 100)) > file$i; git add file$i; git commit -q -m "commit $i"; done
git log --stat --format='%H %s'
git checkout -q -b side HEAD~2 && echo side > side && git add side && git commit -q -m side
git merge -q --no-edit main && git log --oneline --graph
git point git
git gc -q && git fsck --strict && git count-objects -v | grep -v size
git clone -q . ../copy && git -C ../copy status -sb
git diff HEAD~3 --shortstat
git bisect start -q HEAD HEAD~3 2>&1 | tail -1; git bisect run sh -c 'test ! -f side' 2>&1 | head -3
git grep -c 77
