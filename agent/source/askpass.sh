#!/bin/sh
# Answers git's questions for a user name and a password: GIT_ASKPASS, see access.py.
# Both are the lines of an inherited file that has no name on any disk; it is opened anew, so each question starts at
# its first line.
{
    IFS= read -r username
    IFS= read -r password
} <"/proc/self/fd/$WINDLASS_CREDENTIALS_FD" || exit 1
case "$1" in
Username*) printf '%s\n' "$username" ;;
Password*) printf '%s\n' "$password" ;;
*) exit 1 ;;
esac
