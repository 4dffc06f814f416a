# SPDX-License-Identifier: Apache-2.0
"""Help, man pages and completions come from one table: every option is in all of them, every command has an example and
its exit codes, the pages are sound for man and mandoc, and the three shells complete with the scripts."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

COTTER = os.environ["COTTER_BIN"]
COLUMNS = 80
problems = []


def check(holds, problem):
    if not holds:
        problems.append(problem)


def run(*words, **keywords):
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, **keywords)


def cotter(*words):
    done = run(COTTER, *words)
    check(done.returncode == 0 and not done.stderr, f"{words}: {done.returncode} {done.stderr}")
    return done.stdout


def commands():
    overview = cotter("help")
    return re.findall(r"^  (\S+)  ", overview.split("Commands:\n")[1], flags=re.M)


def help_options(text):
    """Every --name and -x on the left side of the help's options."""
    return re.findall(r"^  +(?:-\w, )?--([\w-]+)", text, flags=re.M), re.findall(r"^  +-(\w), --", text, flags=re.M)


def check_page(path):
    linted = run("mandoc", "-T", "lint", "-W", "warning", str(path))
    check(linted.returncode == 0, f"{path.name}: {linted.stdout}")
    rendered = run("man", "--warnings", "-l", str(path), env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
    check(rendered.returncode == 0 and not rendered.stderr, f"{path.name}: man: {rendered.stderr}")
    return re.sub(r".\x08", "", rendered.stdout)


def bash_completes(script, words):
    """What bash offers after `words`, the last of which is begun."""
    line = " ".join(f"'{word}'" for word in words)
    code = f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _cotter; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = run("bash", "-c", code)
    check(not done.stderr, f"bash completion of {words}: {done.stderr}")
    return done.stdout.split()


def fish_completes(script, line):
    done = run("fish", "--no-config", "-c", f"source {script}; complete -C'{line}'", env={**os.environ, "HOME": str(script.parent)})
    return [entry.split("\t")[0] for entry in done.stdout.splitlines()]


def check_command(name, folder):
    text = cotter("help", name)
    for line in text.splitlines():
        check(len(line) <= COLUMNS, f"{name}: help is over {COLUMNS} columns: {line}")
    names, letters = help_options(text)
    page = check_page(folder / f"cotter-{name}.1")
    for part in ("Exit codes:\n  0  ", "\nExamples:\n  cotter " + name):
        check(part in text, f"{name}: help has no {part!r}")
    for part in ("EXIT STATUS", "EXAMPLES", "DESCRIPTION"):
        check(part in page, f"{name}: the man page has no {part}")
    offered = bash_completes(folder / "bash", ["cotter", name, "-"])
    fish = (folder / "fish").read_text()
    zsh = (folder / "zsh").read_text().split(f"\n    {name})\n")[1].split(";;")[0]
    for option in names:
        check(f"--{option}" in page, f"{name}: the man page has no --{option}")
        check(f"--{option}" in offered, f"{name}: bash does not complete --{option}")
        check(re.search(rf"from {name}' -l {option}\b", fish), f"{name}: fish does not know --{option}")
        check(f"--{option}[" in zsh, f"{name}: zsh does not know --{option}")
    for letter in letters:
        check(f"-{letter}," in page and f"-{letter}" in offered and f"-{letter}[" in zsh, f"{name}: -{letter} is not everywhere")
    check("help" in names, f"{name}: --help is missing")
    return len(names)


def check_shells(folder):
    for shell in ("bash", "zsh", "fish"):
        done = run(shell, "-n", str(folder / shell))
        check(done.returncode == 0 and not done.stderr, f"{shell}: {done.stderr}")
    check(bash_completes(folder / "bash", ["cotter", "expl"]) == ["explain"], "bash: commands")
    check("smtp" in bash_completes(folder / "bash", ["cotter", "pins", "--starttls", ""]), "bash: choices")
    check(bash_completes(folder / "bash", ["cotter", "explain", "pin_mism"]) == ["pin_mismatch"], "bash: codes")
    check(bash_completes(folder / "bash", ["cotter", "policy", "sh"]) == ["show"], "bash: actions")
    check(bash_completes(folder / "bash", ["cotter", "assess", "-d", "hea"]) == ["health"], "bash: the value of a letter")
    check("generate" not in bash_completes(folder / "bash", ["cotter", ""]), "bash: hidden command")
    check("explain" in fish_completes(folder / "fish", "cotter expl"), "fish: commands")
    check("show" in fish_completes(folder / "fish", "cotter policy sh"), "fish: actions")
    check("--plain" in fish_completes(folder / "fish", "cotter pins --pl"), "fish: options")


def main():
    with tempfile.TemporaryDirectory(prefix="cotter-manuals-") as name:
        folder = pathlib.Path(name)
        cotter("generate", "man", name)
        for shell in ("bash", "zsh", "fish"):
            (folder / shell).write_text(cotter("generate", "completion", shell))
        overview = check_page(folder / "cotter.1")
        options = 0
        for command in commands():
            check(f"cotter-{command}(1)" in overview, f"cotter(1) does not name {command}")
            options += check_command(command, folder)
        check_shells(folder)
    print("\n".join(problems) or f"{options} options")
    sys.exit(1 if problems or not options else 0)


main()
