/*
Web shells as scanners for malware know them: what each rule looks for is shown by a sample of its own in
test_scanners.py. Rules that complain of the mere names of functions are not among them: whatever starts a program has
those.
*/

rule code_from_the_request
{
    strings:
        $a = /\b(eval|assert|create_function|include|require|include_once|require_once)\s*\(?[^;]{0,80}\$_(GET|POST|REQUEST|COOKIE|SERVER|FILES)/ nocase
        $b = "php://input"
    condition:
        any of them
}

rule command_from_the_request
{
    strings:
        $a = /\b(system|exec|shell_exec|passthru|popen|proc_open|pcntl_exec)\s*\([^;]{0,80}\$_(GET|POST|REQUEST|COOKIE|SERVER|FILES)/ nocase
        $b = /`[^`]{0,80}\$_(GET|POST|REQUEST|COOKIE|SERVER)/
        $c = /\b(getenv|getallheaders|apache_request_headers)\s*\(/ nocase
    condition:
        any of them
}

rule function_by_name
{
    strings:
        $a = /\$\w{1,40}(\[[^\]]{1,40}\])?\s*\(\s*[\$'")]/
        $b = /\b(call_user_func|call_user_func_array|array_map|array_filter|register_shutdown_function|usort)\s*\(/ nocase
    condition:
        any of them
}

rule decoded_code
{
    strings:
        $a = /\b(base64_decode|gzinflate|gzuncompress|gzdecode|str_rot13|convert_uudecode|hex2bin|strrev|pack)\s*\(/ nocase
        $b = /(\\x[0-9a-fA-F]{2}){6}/
        $c = /(\bchr\s*\(\s*\d{1,3}\s*\)\s*\.\s*){3}/ nocase
        $d = /preg_replace\s*\(\s*['"][^'"]{1,200}[\/#~@!|][imsx]*e[imsx]*['"]/ nocase
        $e = /[A-Za-z0-9+\/]{200}/
    condition:
        any of them
}

rule line_to_elsewhere
{
    strings:
        $a = /\b(fsockopen|pfsockopen|stream_socket_client|socket_connect|curl_exec)\s*\(/ nocase
        $b = "/dev/tcp/"
        $c = /\bnc\s+-\w*e/
        $d = /(wget|curl|fetch)\s+(-\w+\s+)*https?:/
    condition:
        any of them
}

rule takes_files
{
    strings:
        $a = "move_uploaded_file" nocase
        $b = /\b(file_put_contents|fwrite|fputs|copy)\s*\(/ nocase
        $c = /\bchmod\s*\(\s*[^,]{1,80},\s*0?777/ nocase
    condition:
        any of them
}

rule known_by_name
{
    strings:
        $a = /\b(c99(shell|sh)|r57(shell)?|b374k|FilesMan|WSO\s*[0-9.]|weevely|AnonymousFox|IndoXploit|alfa\s*team|p0wny)\b/ nocase
        $b = "Safe mode" nocase
        $c = "uname -a" nocase
    condition:
        any of them
}
