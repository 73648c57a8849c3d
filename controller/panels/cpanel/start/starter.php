<?php
// Shoplaunch starter: removes itself, then starts this account's agent once, as the account's own cron job does every
// minute. It takes nothing from the request, holds no secret, and may be deleted at any time.
error_reporting(0);
ob_start();
$owner = fileowner(__FILE__);
$first = unlink(__FILE__);
clearstatcache();
$me = function_exists('posix_geteuid') ? posix_geteuid() : -1;
if ($me < 0 && $first && ($made = fopen(__FILE__ . '.tmp', 'x'))) {
    $about = fstat($made);
    $me = $about['uid'];
    unlink(__FILE__ . '.tmp');
}
$no = $first ? '' : (is_file(__FILE__) ? 'stuck' : 'not_first');
if ($no === '' && (!isset($_SERVER['REQUEST_METHOD']) || $_SERVER['REQUEST_METHOD'] !== 'POST')) $no = 'not_post';
if ($no === '' && $me < 0) $no = 'unproven';
if ($no !== 'not_first' && $me >= 0 && $me !== $owner) $no = 'not_owner';
$run = '(cd /; umask 022; PATH=/usr/bin:/bin; s=/bin/bash; test -x $s || s=/bin/sh; exec env -i HOME=@HOME@'
    . ' LOGNAME=@USER@ USER=@USER@ SHELL=/bin/sh PATH=/usr/bin:/bin @START@ $(command -v setsid) $s -c \''
    . 'echo started; exec >/dev/null 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; test -z "$BASH_VERSION" ||'
    . ' for n in /proc/self/fd/*; do n=${n##*/}; test "$n" -gt 2 && exec {n}>&-; done; cd @HOME@;'
    . ' test ! -f @RUN@ || exec /bin/sh @RUN@\') </dev/null 2>/dev/null &';
$by = $said = '';
if ($no === '' && function_exists('proc_open') && ($by = 'proc_open')
    && ($p = proc_open($run, array(1 => array('pipe', 'w')), $pipes, '/', array()))) $said = trim(fgets($pipes[1]));
if ($no === '' && $said === '' && function_exists('popen') && ($by = 'popen')
    && ($p = popen($run, 'r'))) $said = trim(fgets($p));
if ($no === '' && $said === '' && function_exists('exec') && ($by = 'exec')) $said = trim(exec($run));
if ($no === '' && $said === '' && function_exists('shell_exec') && ($by = 'shell_exec')) $said = trim(shell_exec($run));
if ($no === '' && $said === '' && function_exists('system') && ($by = 'system')) $said = trim(system($run));
if ($no === '' && $said === '' && function_exists('passthru') && ($by = 'passthru') && passthru($run) !== false)
    $said = trim(ob_get_contents());
if ($no === '' && $said !== 'started') $no = $by === '' ? 'disabled' : 'failed';
ob_end_clean();
header('Content-Type: application/json');
header('Cache-Control: no-store');
echo '{"starter": "@NONCE@", "started": "', $no === '' ? $by : '', '", "reason": "', $no, '"}';
