# Runs the commands that come in by the port that the lab holds the other end of. A request is two numbers on a line, and as many
# bytes of script and of input; the answer is the exit code and two numbers, and as many bytes of output and of errors.
exec 3<>/dev/virtio-ports/lab
mkdir -p /run/lab && cd /run/lab || exit 1
echo ready >&3
while read -r script input <&3; do
    head -c "$script" <&3 >script && head -c "$input" <&3 >stdin || exit 1
    sh script <stdin >stdout 2>stderr 3>&-
    echo "$? $(stat -c %s stdout) $(stat -c %s stderr)" >&3
    cat stdout stderr >&3
done
