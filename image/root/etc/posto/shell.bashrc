# The technician's shell on tty1.
PATH=/usr/bin:/usr/sbin
PS1='posto \w \$ '
# Nothing typed is kept; a shell that nobody uses closes.
unset HISTFILE
TMOUT=900
[ -r /usr/share/bash-completion/completions/posto ] && . /usr/share/bash-completion/completions/posto
