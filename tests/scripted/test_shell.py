"""The scripted phone's shell against this computer's: the same scripts, the same output and exit code."""

import subprocess
from pathlib import Path

import pytest
from scripted_phone import HOST, ScriptedPhone
from scripted_phone.files import ROOT, Folder
from scripted_phone.shell import Shell
from scripted_phone.streams import Collected, Input

SCRIPTS = [
    "echo one; echo three | cat",
    "true && echo yes || echo no; false && echo yes || echo no",
    "! true; echo $?; ! false; echo $?",
    "if test -e a; then echo there; elif test -d folder; then echo folder; else echo none; fi",
    "if false; then echo a; fi; echo $?",
    'x="a b"; for one in $x "$x" \'$x\' c; do echo "<$one>"; done',
    'x=; echo a $x b "$x" c; [ "$x" = \'\' ] && echo empty',
    'x=$(echo a; echo b); echo $x; echo "$x"; y=$(false); echo $?',
    "for name in folder/*/; do name=${name%/}; name=${name##*/}; echo $name; done; echo folder/n*",
    "echo folder/[ab]* 'folder/*' none/*",
    "x=a.b.c; echo ${x%.*} ${x%%.*} ${x#*.} ${x##*.} ${y:-z} ${x:-z}",
    "case abc in x*) echo x;; a*|b) echo a;; *) echo other; esac",
    "case \"a*\" in 'a*') echo quoted;; esac; case ab in 'a*') echo wrong;; esac",
    'while read -r first rest; do echo "$rest-$first"; done <lines',
    'printed() { echo "in $1 $#"; return 3; }; printed a b; echo $?',
    "set -- a b c d; while [ $# -ge 2 ]; do echo $1 $2; shift 2; done; echo $#",
    "echo error >&2; { echo a; echo b >&2; } 2>/dev/null; (echo c; exit 4) 2>&1; echo $?",
    "echo a >made; echo b >>made; cat made; { echo c; echo d; } >made; cat <made",
    "for n in 1 2 3; do echo 0123456789abcde; done | od -An -tx1",
    "for n in 1 2 3; do echo 0123456789abcde; done | od -v -An -tx1",
    "{ head -c 3; head -c 2; } <lines; { dd bs=4 count=1 2>/dev/null; head -c 1; } <lines | od -An -tx1",
    '(cd folder && echo *); echo \\$x \'a\'"b"c "\\$ \\\\ \\q"',
    "exit 7; echo never",
    "(exit 3); echo $?; (exec false); echo $?",
    "echo $(echo a | cat) $(exit 5); echo end # a comment",
    "x=1; (x=2; echo $x); echo $x; { x=3; }; echo $x; echo x | x=4; echo $x",
    "echo a \\\n  b",
    "until test -e made; do echo make; echo x >made; done",
    "cat missing 2>/dev/null || echo unknown; test -x lines || echo no",
    "sha256sum <lines; sum=$(sha256sum <lines) && case $sum in 0*) echo wrong;; *) echo right; esac",
    "grep -m 1 'tw' lines; grep -q none lines || echo none",
    '[ ! -b lines ] || exit 1; [ -n "$none" ] || exit 9',
    'x=\'a  b\'; echo "$x"y$x; z=${x%b}; echo "[$z]"',
    "readlink -f folder/../lines >/dev/null; mkdir -p new && test -d new && rm -rf new; test -e new; echo $?",
    "if true; then",
    "echo )",
]


def on_this_computer(folder: Path, script: str) -> tuple[str, int]:
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=20,
        text=True,
    )
    return done.stdout, done.returncode


def on_the_phone(folder: Path, script: str) -> tuple[str, int]:
    phone = ScriptedPhone()
    phone.start(HOST)
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            phone.files.add(str(path), Folder(ROOT))
        else:
            phone.add_file(str(path), path.read_bytes())
    phone.files.mounts[0].read_only = False
    shell = Shell(phone, ROOT, folder=str(folder))
    kept = Collected()
    process = phone.clock.start("test", shell.script(script, Input(), kept, kept))
    phone.clock.run(phone.clock.now + 10)
    assert process.code is not None
    return kept.data.decode(), process.code


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_does_what_this_computers_shell_does(script: str, tmp_path: Path) -> None:
    for name in ("one", "phone"):
        (tmp_path / name / "folder" / "nested").mkdir(parents=True)
        (tmp_path / name / "folder" / "name").mkdir()
        (tmp_path / name / "folder" / "a file").write_text("x")
        (tmp_path / name / "lines").write_text("one 1\ntwo 2 3\n\nlast four\n")
    expected, code = on_this_computer(tmp_path / "one", script)
    found, found_code = on_the_phone(tmp_path / "phone", script)
    if "syntax error" in found.lower():
        assert code == found_code == 2
    else:
        assert (found, found_code) == (expected, code)
