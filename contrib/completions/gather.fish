# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_gather_global_optspecs
    string join \n h/help V/version
end

function __fish_gather_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_gather_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_gather_using_subcommand
    set -l cmd (__fish_gather_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c gather -n "__fish_gather_needs_command" -s h -l help -d 'Print help'
complete -c gather -n "__fish_gather_needs_command" -s V -l version -d 'Print version'
complete -c gather -n "__fish_gather_needs_command" -f -a "fetch" -d 'Fetch a list once; records to stdout or to files'
complete -c gather -n "__fish_gather_needs_command" -f -a "check" -d 'Check once that targets are up: failing first, exit 2 if any is down'
complete -c gather -n "__fish_gather_needs_command" -f -a "crawl" -d 'Follow the links and sitemaps of a site: each page once, robots.txt obeyed'
complete -c gather -n "__fish_gather_needs_command" -f -a "run" -d 'Run a job of gather.toml once; flags given here win'
complete -c gather -n "__fish_gather_needs_command" -f -a "watch" -d 'Watch: all jobs of gather.toml on their schedules, with a status page, until stopped'
complete -c gather -n "__fish_gather_needs_command" -f -a "status" -d 'Show how the targets of a watch are, the worst first; exit 2 if any is down'
complete -c gather -n "__fish_gather_needs_command" -f -a "silence" -d 'Tell nobody of a target for a while, though it is checked'
complete -c gather -n "__fish_gather_needs_command" -f -a "notify" -d 'Try a channel of gather.toml'
complete -c gather -n "__fish_gather_needs_command" -f -a "plan" -d 'Say what a run would do, without a single request'
complete -c gather -n "__fish_gather_needs_command" -f -a "compare" -d 'Fetch the first targets one by one, then concurrently, and set both side by side'
complete -c gather -n "__fish_gather_needs_command" -f -a "extract" -d 'Find fields and rows in bodies that are stored, without a request'
complete -c gather -n "__fish_gather_needs_command" -f -a "export" -d 'Write results in another form, chosen and sorted'
complete -c gather -n "__fish_gather_needs_command" -f -a "report" -d 'Tell of results in one page to show around: HTML, Markdown or JSON'
complete -c gather -n "__fish_gather_needs_command" -f -a "changes" -d 'Tell what changed between runs: prices and texts, statuses, targets that came and went'
complete -c gather -n "__fish_gather_needs_command" -f -a "verify" -d 'Prove that outputs hold one whole, right record for each input'
complete -c gather -n "__fish_gather_needs_command" -f -a "demo" -d 'Fetch a small site that runs on this machine: works offline, shows everything'
complete -c gather -n "__fish_gather_needs_command" -f -a "init" -d 'Write a commented gather.toml to start from'
complete -c gather -n "__fish_gather_needs_command" -f -a "config" -d 'Show the settings in force and where each comes from'
complete -c gather -n "__fish_gather_needs_command" -f -a "completions" -d 'Print shell completions'
complete -c gather -n "__fish_gather_needs_command" -f -a "man" -d 'Print the manual page, or that of one command'
complete -c gather -n "__fish_gather_using_subcommand fetch" -s i -l input -d 'Read targets from FILE: a line each, CSV or JSONL, also .gz; - is stdin (repeatable)' -r -F
complete -c gather -n "__fish_gather_using_subcommand fetch" -l url-field -d 'The column or member of the input that holds the URL' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l scheme -d 'For inputs without a scheme: https, http, or auto: https, then http' -r -f -a "auto\t'https, then http if it cannot connect'
https\t'https'
http\t'http'"
complete -c gather -n "__fish_gather_using_subcommand fetch" -l limit -d 'Take the first N targets only' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l only -d 'Of an earlier result given with -i, fetch again what failed: failed or failed:KIND' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -s c -l concurrency -d 'Requests in flight at once, over all hosts' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l host-concurrency -d 'Requests in flight at once to one host; auto is 4, or a fair share of a given -c' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l rate -d 'Requests over all hosts: 10/s, 5/15s, 100/m' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l host-rate -d 'Requests to one host: 10/s, 5/15s, 100/m' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -s t -l timeout -d 'One try, DNS to last byte, its redirects included, waiting in the queue not' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l connect-timeout -d 'Until a connection stands, TLS included' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l min-speed -d 'Give up a body that comes more slowly; 0 for no lower limit' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l deadline -d 'Stop the whole run after this long; what is left has no record' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l retries -d 'Further tries after the first; a 429 spends none' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l backoff -d 'Wait before the first further try, doubled for each one after it, with jitter' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l backoff-max -d 'The longest such wait' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l retry-on -d 'Statuses, error kinds and families of them that are tried again [default: 408,5xx,timeout,connect,dns.temporary, and answers that were cut off]' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l max-retry-after -d 'Give up on a host that asks for a longer pause; 0: on any that refuses' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l robots-agent -d 'Whose rules count [default: the first word of the User-Agent]' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l max-crawl-delay -d 'The longest Crawl-delay that is kept to; a longer one counts as this' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -s X -l method -l request -d 'Request method [default: GET, with -d POST, with -I HEAD]' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -s H -l header -d 'Header \'Name: value\', or @FILE with a header a line (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -s d -l data -d 'Request body, or @FILE; makes it a POST' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -s A -l user-agent -d 'User-Agent to send' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -s u -l user -d 'Basic authentication, for the host of each target only' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -s b -l cookie -d 'Cookie header: \'a=1; b=2\'' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -s x -l proxy -d 'Go through http://, socks5:// or socks5h://[user:password@]host:port' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l max-redirects -d 'Redirects followed in a row; 0 takes a 3xx as the answer' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l resolve -d 'Use this address for a host and port (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l connect-to -d 'Connect to another host and port instead (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l cacert -d 'Trust the certificates in FILE (PEM) only' -r -F
complete -c gather -n "__fish_gather_using_subcommand fetch" -l roots -d 'Whose certificates are trusted without --cacert: bundled are Mozilla\'s, as built in; system are this machine\'s' -r -f -a "bundled\t'Mozilla\'s, as built in'
system\t'This machine\'s'"
complete -c gather -n "__fish_gather_using_subcommand fetch" -l cert -d 'Client certificate (PEM)' -r -F
complete -c gather -n "__fish_gather_using_subcommand fetch" -l key -d 'Its private key (PEM)' -r -F
complete -c gather -n "__fish_gather_using_subcommand fetch" -l addresses -d 'open: what you name may be anywhere, but what a public answer leads to must be public; public: public addresses only' -r -f -a "open\t'What the operator names may be anywhere'
public\t'Public addresses only'"
complete -c gather -n "__fish_gather_using_subcommand fetch" -l allow-address -d 'Always dial this address or block, metadata addresses included (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l deny-address -d 'Never dial this address or block: 10.0.0.0/8 (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l max-body -d 'A body as received' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l max-decoded -d 'A body after decompression' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l max-headers -d 'The head of a response' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l max-memory -d 'All bodies in memory together' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l accept -d 'Final statuses that are ok; any other is failed' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l max-failures -d 'Stop when more than N, or P% of those finished, have failed (exit 4)' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l allow-failures -d 'Exit 0 all the same with up to this many failures' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l extract -d 'Find a field in each page: \'price=price:css:.now || css:.price | required\' (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l each -d 'Look for the fields in each match of this, as rows: css:.card, \'json:$.items[*]\'' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l rows -d 'Write the rows of --each to FILE (.jsonl, .csv, .parquet, .xlsx); databases hold them anyway' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l rules -d 'Take rules from FILE, in TOML: each, [fields], [page]' -r -F
complete -c gather -n "__fish_gather_using_subcommand fetch" -l match-code -l mc -d 'Show these statuses only' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l filter-code -l fc -d 'Hide these statuses' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l match-regex -l mr -d 'Show targets only whose body matches' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -s o -l output -d 'Write records to FILE, its format by extension, or to postgres://…; - is stdout, {date} today (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l format -d 'A format: jsonl, csv, text, sqlite, parquet, xlsx, warc [default: by extension; stdout: text on a terminal, else jsonl]' -r -f -a "jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header'
text\t'One line a target, for people'
sqlite\t'A SQLite database'
postgres\t'A PostgreSQL database'
parquet\t'Apache Parquet'
xlsx\t'A spreadsheet'
warc\t'WARC 1.1'"
complete -c gather -n "__fish_gather_using_subcommand fetch" -s O -l bodies -d 'Store each body in a file of its own under DIR; -o FILE.warc.gz archives all that passes' -r -F
complete -c gather -n "__fish_gather_using_subcommand fetch" -l cache -d 'Ask only for what has changed since the last run with this FILE, or is no longer fresh' -r -F
complete -c gather -n "__fish_gather_using_subcommand fetch" -l template -d 'Text lines of this form: \'{status_code} {url}\'' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l fields -d 'Members of a record: a list, or more than the usual with +body,+headers,+sha256' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l redact-query -d 'Write *** for the values of this KEY of queries, wherever a URL is written (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l report -d 'Write a report of the run to FILE: .html (one file, nothing loaded), .md or .json' -r -F
complete -c gather -n "__fish_gather_using_subcommand fetch" -l report-title -d 'Its heading [default: the job\'s name, or \'Fetch\']' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l report-sort -d 'What its rows are sorted by: a member, a column of the groups; with - downwards' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l group-by -d 'Add a table with a row for each value of a member: host, status_code, tags.NAME, a field' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l agg -d 'Its columns: \'min(price),avg(price),count()\'; count, min, max, avg, sum, first, last, p95' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l journal -d 'Keep the journal in FILE [default: beside the first output file, with .journal added]' -r -F
complete -c gather -n "__fish_gather_using_subcommand fetch" -l stats-interval -d 'A line of progress this often, where there is no terminal' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l log-format -d 'text or json, one object a line' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c gather -n "__fish_gather_using_subcommand fetch" -l summary -d 'Write the closing summary to FILE as JSON' -r -F
complete -c gather -n "__fish_gather_using_subcommand fetch" -s K -l config -d 'Read settings from FILE [default: ./gather.toml, if there is one]' -r -F
complete -c gather -n "__fish_gather_using_subcommand fetch" -l print-job -d 'Print the typed flags as a job for gather.toml, and stop' -r
complete -c gather -n "__fish_gather_using_subcommand fetch" -l dedup -d 'Send equal requests once: each target has its record, repeats say whose answer it is (same_as)'
complete -c gather -n "__fish_gather_using_subcommand fetch" -l retry-unsafe -d 'Repeat POST and PATCH like any other, though the server may have seen them'
complete -c gather -n "__fish_gather_using_subcommand fetch" -l robots -d 'Read each host\'s robots.txt first, and keep to it'
complete -c gather -n "__fish_gather_using_subcommand fetch" -s I -l head -d 'Ask for heads only (HEAD)'
complete -c gather -n "__fish_gather_using_subcommand fetch" -s L -l location -d 'Follow redirects: they are followed anyway'
complete -c gather -n "__fish_gather_using_subcommand fetch" -s k -l insecure -d 'Accept any certificate'
complete -c gather -n "__fish_gather_using_subcommand fetch" -s 4 -l ipv4 -d 'IPv4 only'
complete -c gather -n "__fish_gather_using_subcommand fetch" -s 6 -l ipv6 -d 'IPv6 only'
complete -c gather -n "__fish_gather_using_subcommand fetch" -l http1.1 -d 'HTTP/1.1 only'
complete -c gather -n "__fish_gather_using_subcommand fetch" -l http2 -d 'HTTP/2 only, also without TLS'
complete -c gather -n "__fish_gather_using_subcommand fetch" -l trust-proxy -d 'With --addresses public: let the proxy decide what it reaches, which cannot be seen from here'
complete -c gather -n "__fish_gather_using_subcommand fetch" -l fail-fast -d 'Stop at the first failure; the rest is recorded as skipped (exit 4)'
complete -c gather -n "__fish_gather_using_subcommand fetch" -l csv-bom -d 'Begin CSV with a byte order mark, for spreadsheets'
complete -c gather -n "__fish_gather_using_subcommand fetch" -l overwrite -d 'Replace files that exist; a SQLite file loses its earlier runs, PostgreSQL keeps them'
complete -c gather -n "__fish_gather_using_subcommand fetch" -l resume -d 'Go on with the run that writes these outputs; begin it if there is none'
complete -c gather -n "__fish_gather_using_subcommand fetch" -l resume-changed -d 'As --resume, although settings have changed: what is left gets the new ones'
complete -c gather -n "__fish_gather_using_subcommand fetch" -l no-journal -d 'Keep no journal: faster on a slow disk, and a killed run cannot go on'
complete -c gather -n "__fish_gather_using_subcommand fetch" -s q -l quiet -d 'Say nothing but errors'
complete -c gather -n "__fish_gather_using_subcommand fetch" -s v -l verbose -d 'Say more: every failure, and what the engine decides'
complete -c gather -n "__fish_gather_using_subcommand fetch" -l no-progress -d 'No live progress on a terminal'
complete -c gather -n "__fish_gather_using_subcommand fetch" -s h -l help -d 'Print this page'
complete -c gather -n "__fish_gather_using_subcommand check" -l expect -d 'What is expected of an answer, as \'status in 200..=399\' (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand check" -s i -l input -d 'Read targets from FILE: a line each, CSV or JSONL, also .gz; - is stdin (repeatable)' -r -F
complete -c gather -n "__fish_gather_using_subcommand check" -l url-field -d 'The column or member of the input that holds the URL' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l scheme -d 'For inputs without a scheme: https, http, or auto: https, then http' -r -f -a "auto\t'https, then http if it cannot connect'
https\t'https'
http\t'http'"
complete -c gather -n "__fish_gather_using_subcommand check" -l limit -d 'Take the first N targets only' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l only -d 'Of an earlier result given with -i, fetch again what failed: failed or failed:KIND' -r
complete -c gather -n "__fish_gather_using_subcommand check" -s c -l concurrency -d 'Requests in flight at once, over all hosts' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l host-concurrency -d 'Requests in flight at once to one host; auto is 4, or a fair share of a given -c' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l rate -d 'Requests over all hosts: 10/s, 5/15s, 100/m' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l host-rate -d 'Requests to one host: 10/s, 5/15s, 100/m' -r
complete -c gather -n "__fish_gather_using_subcommand check" -s t -l timeout -d 'One try, DNS to last byte, its redirects included, waiting in the queue not' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l connect-timeout -d 'Until a connection stands, TLS included' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l min-speed -d 'Give up a body that comes more slowly; 0 for no lower limit' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l deadline -d 'Stop the whole run after this long; what is left has no record' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l retries -d 'Further tries after the first; a 429 spends none' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l backoff -d 'Wait before the first further try, doubled for each one after it, with jitter' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l backoff-max -d 'The longest such wait' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l retry-on -d 'Statuses, error kinds and families of them that are tried again [default: 408,5xx,timeout,connect,dns.temporary, and answers that were cut off]' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l max-retry-after -d 'Give up on a host that asks for a longer pause; 0: on any that refuses' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l robots-agent -d 'Whose rules count [default: the first word of the User-Agent]' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l max-crawl-delay -d 'The longest Crawl-delay that is kept to; a longer one counts as this' -r
complete -c gather -n "__fish_gather_using_subcommand check" -s X -l method -l request -d 'Request method [default: GET, with -d POST, with -I HEAD]' -r
complete -c gather -n "__fish_gather_using_subcommand check" -s H -l header -d 'Header \'Name: value\', or @FILE with a header a line (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand check" -s d -l data -d 'Request body, or @FILE; makes it a POST' -r
complete -c gather -n "__fish_gather_using_subcommand check" -s A -l user-agent -d 'User-Agent to send' -r
complete -c gather -n "__fish_gather_using_subcommand check" -s u -l user -d 'Basic authentication, for the host of each target only' -r
complete -c gather -n "__fish_gather_using_subcommand check" -s b -l cookie -d 'Cookie header: \'a=1; b=2\'' -r
complete -c gather -n "__fish_gather_using_subcommand check" -s x -l proxy -d 'Go through http://, socks5:// or socks5h://[user:password@]host:port' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l max-redirects -d 'Redirects followed in a row; 0 takes a 3xx as the answer' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l resolve -d 'Use this address for a host and port (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l connect-to -d 'Connect to another host and port instead (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l cacert -d 'Trust the certificates in FILE (PEM) only' -r -F
complete -c gather -n "__fish_gather_using_subcommand check" -l roots -d 'Whose certificates are trusted without --cacert: bundled are Mozilla\'s, as built in; system are this machine\'s' -r -f -a "bundled\t'Mozilla\'s, as built in'
system\t'This machine\'s'"
complete -c gather -n "__fish_gather_using_subcommand check" -l cert -d 'Client certificate (PEM)' -r -F
complete -c gather -n "__fish_gather_using_subcommand check" -l key -d 'Its private key (PEM)' -r -F
complete -c gather -n "__fish_gather_using_subcommand check" -l addresses -d 'open: what you name may be anywhere, but what a public answer leads to must be public; public: public addresses only' -r -f -a "open\t'What the operator names may be anywhere'
public\t'Public addresses only'"
complete -c gather -n "__fish_gather_using_subcommand check" -l allow-address -d 'Always dial this address or block, metadata addresses included (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l deny-address -d 'Never dial this address or block: 10.0.0.0/8 (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l max-body -d 'A body as received' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l max-decoded -d 'A body after decompression' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l max-headers -d 'The head of a response' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l max-memory -d 'All bodies in memory together' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l accept -d 'Final statuses that are ok; any other is failed' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l max-failures -d 'Stop when more than N, or P% of those finished, have failed (exit 4)' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l allow-failures -d 'Exit 0 all the same with up to this many failures' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l extract -d 'Find a field in each page: \'price=price:css:.now || css:.price | required\' (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l each -d 'Look for the fields in each match of this, as rows: css:.card, \'json:$.items[*]\'' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l rows -d 'Write the rows of --each to FILE (.jsonl, .csv, .parquet, .xlsx); databases hold them anyway' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l rules -d 'Take rules from FILE, in TOML: each, [fields], [page]' -r -F
complete -c gather -n "__fish_gather_using_subcommand check" -l match-code -l mc -d 'Show these statuses only' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l filter-code -l fc -d 'Hide these statuses' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l match-regex -l mr -d 'Show targets only whose body matches' -r
complete -c gather -n "__fish_gather_using_subcommand check" -s o -l output -d 'Write records to FILE, its format by extension, or to postgres://…; - is stdout, {date} today (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l format -d 'A format: jsonl, csv, text, sqlite, parquet, xlsx, warc [default: by extension; stdout: text on a terminal, else jsonl]' -r -f -a "jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header'
text\t'One line a target, for people'
sqlite\t'A SQLite database'
postgres\t'A PostgreSQL database'
parquet\t'Apache Parquet'
xlsx\t'A spreadsheet'
warc\t'WARC 1.1'"
complete -c gather -n "__fish_gather_using_subcommand check" -s O -l bodies -d 'Store each body in a file of its own under DIR; -o FILE.warc.gz archives all that passes' -r -F
complete -c gather -n "__fish_gather_using_subcommand check" -l cache -d 'Ask only for what has changed since the last run with this FILE, or is no longer fresh' -r -F
complete -c gather -n "__fish_gather_using_subcommand check" -l template -d 'Text lines of this form: \'{status_code} {url}\'' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l fields -d 'Members of a record: a list, or more than the usual with +body,+headers,+sha256' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l redact-query -d 'Write *** for the values of this KEY of queries, wherever a URL is written (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l report -d 'Write a report of the run to FILE: .html (one file, nothing loaded), .md or .json' -r -F
complete -c gather -n "__fish_gather_using_subcommand check" -l report-title -d 'Its heading [default: the job\'s name, or \'Fetch\']' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l report-sort -d 'What its rows are sorted by: a member, a column of the groups; with - downwards' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l group-by -d 'Add a table with a row for each value of a member: host, status_code, tags.NAME, a field' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l agg -d 'Its columns: \'min(price),avg(price),count()\'; count, min, max, avg, sum, first, last, p95' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l journal -d 'Keep the journal in FILE [default: beside the first output file, with .journal added]' -r -F
complete -c gather -n "__fish_gather_using_subcommand check" -l stats-interval -d 'A line of progress this often, where there is no terminal' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l log-format -d 'text or json, one object a line' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c gather -n "__fish_gather_using_subcommand check" -l summary -d 'Write the closing summary to FILE as JSON' -r -F
complete -c gather -n "__fish_gather_using_subcommand check" -s K -l config -d 'Read settings from FILE [default: ./gather.toml, if there is one]' -r -F
complete -c gather -n "__fish_gather_using_subcommand check" -l print-job -d 'Print the typed flags as a job for gather.toml, and stop' -r
complete -c gather -n "__fish_gather_using_subcommand check" -l dedup -d 'Send equal requests once: each target has its record, repeats say whose answer it is (same_as)'
complete -c gather -n "__fish_gather_using_subcommand check" -l retry-unsafe -d 'Repeat POST and PATCH like any other, though the server may have seen them'
complete -c gather -n "__fish_gather_using_subcommand check" -l robots -d 'Read each host\'s robots.txt first, and keep to it'
complete -c gather -n "__fish_gather_using_subcommand check" -s I -l head -d 'Ask for heads only (HEAD)'
complete -c gather -n "__fish_gather_using_subcommand check" -s L -l location -d 'Follow redirects: they are followed anyway'
complete -c gather -n "__fish_gather_using_subcommand check" -s k -l insecure -d 'Accept any certificate'
complete -c gather -n "__fish_gather_using_subcommand check" -s 4 -l ipv4 -d 'IPv4 only'
complete -c gather -n "__fish_gather_using_subcommand check" -s 6 -l ipv6 -d 'IPv6 only'
complete -c gather -n "__fish_gather_using_subcommand check" -l http1.1 -d 'HTTP/1.1 only'
complete -c gather -n "__fish_gather_using_subcommand check" -l http2 -d 'HTTP/2 only, also without TLS'
complete -c gather -n "__fish_gather_using_subcommand check" -l trust-proxy -d 'With --addresses public: let the proxy decide what it reaches, which cannot be seen from here'
complete -c gather -n "__fish_gather_using_subcommand check" -l fail-fast -d 'Stop at the first failure; the rest is recorded as skipped (exit 4)'
complete -c gather -n "__fish_gather_using_subcommand check" -l csv-bom -d 'Begin CSV with a byte order mark, for spreadsheets'
complete -c gather -n "__fish_gather_using_subcommand check" -l overwrite -d 'Replace files that exist; a SQLite file loses its earlier runs, PostgreSQL keeps them'
complete -c gather -n "__fish_gather_using_subcommand check" -l resume -d 'Go on with the run that writes these outputs; begin it if there is none'
complete -c gather -n "__fish_gather_using_subcommand check" -l resume-changed -d 'As --resume, although settings have changed: what is left gets the new ones'
complete -c gather -n "__fish_gather_using_subcommand check" -l no-journal -d 'Keep no journal: faster on a slow disk, and a killed run cannot go on'
complete -c gather -n "__fish_gather_using_subcommand check" -s q -l quiet -d 'Say nothing but errors'
complete -c gather -n "__fish_gather_using_subcommand check" -s v -l verbose -d 'Say more: every failure, and what the engine decides'
complete -c gather -n "__fish_gather_using_subcommand check" -l no-progress -d 'No live progress on a terminal'
complete -c gather -n "__fish_gather_using_subcommand check" -s h -l help -d 'Print this page'
complete -c gather -n "__fish_gather_using_subcommand crawl" -l scope -d 'How far from the start URLs: path (their directories), host, domain (registrable), any' -r -f -a "path\t'Below the directories of the start URLs'
host\t'Their hosts'
domain\t'Their registrable domains'
any\t'Anywhere'"
complete -c gather -n "__fish_gather_using_subcommand crawl" -l include -d 'Only URLs that match; * stands for anything, /blog/ for */blog/* (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l exclude -d 'No URLs that match (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l depth -d 'Links from the start URLs at most; the next page of a list is no deeper than the list' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l max-pages -d 'Pages at most, start URLs and sitemaps included' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l max-bytes -d 'Begin no further page after so many bytes of bodies' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l sitemap -d 'Read this sitemap or index of sitemaps, too (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l strip-param -d 'Drop this parameter from URLs; NAME* drops all that begin so (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l max-alike -d 'Pages at most whose URLs differ in numbers alone: a calendar without end stops here' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l max-segments -d 'Segments of a path at most' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l max-repeats -d 'How often a segment may occur in a path' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -s i -l input -d 'Read targets from FILE: a line each, CSV or JSONL, also .gz; - is stdin (repeatable)' -r -F
complete -c gather -n "__fish_gather_using_subcommand crawl" -l url-field -d 'The column or member of the input that holds the URL' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l scheme -d 'For inputs without a scheme: https, http, or auto: https, then http' -r -f -a "auto\t'https, then http if it cannot connect'
https\t'https'
http\t'http'"
complete -c gather -n "__fish_gather_using_subcommand crawl" -l limit -d 'Take the first N targets only' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l only -d 'Of an earlier result given with -i, fetch again what failed: failed or failed:KIND' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -s c -l concurrency -d 'Requests in flight at once, over all hosts' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l host-concurrency -d 'Requests in flight at once to one host; auto is 4, or a fair share of a given -c' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l rate -d 'Requests over all hosts: 10/s, 5/15s, 100/m' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l host-rate -d 'Requests to one host: 10/s, 5/15s, 100/m' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -s t -l timeout -d 'One try, DNS to last byte, its redirects included, waiting in the queue not' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l connect-timeout -d 'Until a connection stands, TLS included' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l min-speed -d 'Give up a body that comes more slowly; 0 for no lower limit' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l deadline -d 'Stop the whole run after this long; what is left has no record' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l retries -d 'Further tries after the first; a 429 spends none' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l backoff -d 'Wait before the first further try, doubled for each one after it, with jitter' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l backoff-max -d 'The longest such wait' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l retry-on -d 'Statuses, error kinds and families of them that are tried again [default: 408,5xx,timeout,connect,dns.temporary, and answers that were cut off]' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l max-retry-after -d 'Give up on a host that asks for a longer pause; 0: on any that refuses' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l robots-agent -d 'Whose rules count [default: the first word of the User-Agent]' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l max-crawl-delay -d 'The longest Crawl-delay that is kept to; a longer one counts as this' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -s X -l method -l request -d 'Request method [default: GET, with -d POST, with -I HEAD]' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -s H -l header -d 'Header \'Name: value\', or @FILE with a header a line (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -s d -l data -d 'Request body, or @FILE; makes it a POST' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -s A -l user-agent -d 'User-Agent to send' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -s u -l user -d 'Basic authentication, for the host of each target only' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -s b -l cookie -d 'Cookie header: \'a=1; b=2\'' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -s x -l proxy -d 'Go through http://, socks5:// or socks5h://[user:password@]host:port' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l max-redirects -d 'Redirects followed in a row; 0 takes a 3xx as the answer' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l resolve -d 'Use this address for a host and port (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l connect-to -d 'Connect to another host and port instead (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l cacert -d 'Trust the certificates in FILE (PEM) only' -r -F
complete -c gather -n "__fish_gather_using_subcommand crawl" -l roots -d 'Whose certificates are trusted without --cacert: bundled are Mozilla\'s, as built in; system are this machine\'s' -r -f -a "bundled\t'Mozilla\'s, as built in'
system\t'This machine\'s'"
complete -c gather -n "__fish_gather_using_subcommand crawl" -l cert -d 'Client certificate (PEM)' -r -F
complete -c gather -n "__fish_gather_using_subcommand crawl" -l key -d 'Its private key (PEM)' -r -F
complete -c gather -n "__fish_gather_using_subcommand crawl" -l addresses -d 'open: what you name may be anywhere, but what a public answer leads to must be public; public: public addresses only' -r -f -a "open\t'What the operator names may be anywhere'
public\t'Public addresses only'"
complete -c gather -n "__fish_gather_using_subcommand crawl" -l allow-address -d 'Always dial this address or block, metadata addresses included (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l deny-address -d 'Never dial this address or block: 10.0.0.0/8 (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l max-body -d 'A body as received' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l max-decoded -d 'A body after decompression' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l max-headers -d 'The head of a response' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l max-memory -d 'All bodies in memory together' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l accept -d 'Final statuses that are ok; any other is failed' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l max-failures -d 'Stop when more than N, or P% of those finished, have failed (exit 4)' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l allow-failures -d 'Exit 0 all the same with up to this many failures' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l extract -d 'Find a field in each page: \'price=price:css:.now || css:.price | required\' (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l each -d 'Look for the fields in each match of this, as rows: css:.card, \'json:$.items[*]\'' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l rows -d 'Write the rows of --each to FILE (.jsonl, .csv, .parquet, .xlsx); databases hold them anyway' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l rules -d 'Take rules from FILE, in TOML: each, [fields], [page]' -r -F
complete -c gather -n "__fish_gather_using_subcommand crawl" -l match-code -l mc -d 'Show these statuses only' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l filter-code -l fc -d 'Hide these statuses' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l match-regex -l mr -d 'Show targets only whose body matches' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -s o -l output -d 'Write records to FILE, its format by extension, or to postgres://…; - is stdout, {date} today (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l format -d 'A format: jsonl, csv, text, sqlite, parquet, xlsx, warc [default: by extension; stdout: text on a terminal, else jsonl]' -r -f -a "jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header'
text\t'One line a target, for people'
sqlite\t'A SQLite database'
postgres\t'A PostgreSQL database'
parquet\t'Apache Parquet'
xlsx\t'A spreadsheet'
warc\t'WARC 1.1'"
complete -c gather -n "__fish_gather_using_subcommand crawl" -s O -l bodies -d 'Store each body in a file of its own under DIR; -o FILE.warc.gz archives all that passes' -r -F
complete -c gather -n "__fish_gather_using_subcommand crawl" -l cache -d 'Ask only for what has changed since the last run with this FILE, or is no longer fresh' -r -F
complete -c gather -n "__fish_gather_using_subcommand crawl" -l template -d 'Text lines of this form: \'{status_code} {url}\'' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l fields -d 'Members of a record: a list, or more than the usual with +body,+headers,+sha256' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l redact-query -d 'Write *** for the values of this KEY of queries, wherever a URL is written (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l report -d 'Write a report of the run to FILE: .html (one file, nothing loaded), .md or .json' -r -F
complete -c gather -n "__fish_gather_using_subcommand crawl" -l report-title -d 'Its heading [default: the job\'s name, or \'Fetch\']' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l report-sort -d 'What its rows are sorted by: a member, a column of the groups; with - downwards' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l group-by -d 'Add a table with a row for each value of a member: host, status_code, tags.NAME, a field' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l agg -d 'Its columns: \'min(price),avg(price),count()\'; count, min, max, avg, sum, first, last, p95' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l journal -d 'Keep the journal in FILE [default: beside the first output file, with .journal added]' -r -F
complete -c gather -n "__fish_gather_using_subcommand crawl" -l stats-interval -d 'A line of progress this often, where there is no terminal' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l log-format -d 'text or json, one object a line' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c gather -n "__fish_gather_using_subcommand crawl" -l summary -d 'Write the closing summary to FILE as JSON' -r -F
complete -c gather -n "__fish_gather_using_subcommand crawl" -s K -l config -d 'Read settings from FILE [default: ./gather.toml, if there is one]' -r -F
complete -c gather -n "__fish_gather_using_subcommand crawl" -l print-job -d 'Print the typed flags as a job for gather.toml, and stop' -r
complete -c gather -n "__fish_gather_using_subcommand crawl" -l no-sitemaps -d 'Leave the sitemaps alone that robots.txt names'
complete -c gather -n "__fish_gather_using_subcommand crawl" -l strip-sessions -d 'Drop the usual parameters of sessions and of tracking from URLs: PHPSESSID, utm_*'
complete -c gather -n "__fish_gather_using_subcommand crawl" -l sort-query -d 'Take URLs for one that differ in the order of their parameters alone'
complete -c gather -n "__fish_gather_using_subcommand crawl" -l follow-nofollow -d 'Follow links that say nofollow'
complete -c gather -n "__fish_gather_using_subcommand crawl" -l ignore-canonical -d 'Take no page for a duplicate that names another one as canonical'
complete -c gather -n "__fish_gather_using_subcommand crawl" -l ignore-robots -d 'Read no robots.txt, and ask for what it forbids'
complete -c gather -n "__fish_gather_using_subcommand crawl" -l dedup -d 'Send equal requests once: each target has its record, repeats say whose answer it is (same_as)'
complete -c gather -n "__fish_gather_using_subcommand crawl" -l retry-unsafe -d 'Repeat POST and PATCH like any other, though the server may have seen them'
complete -c gather -n "__fish_gather_using_subcommand crawl" -l robots -d 'Read each host\'s robots.txt first, and keep to it'
complete -c gather -n "__fish_gather_using_subcommand crawl" -s I -l head -d 'Ask for heads only (HEAD)'
complete -c gather -n "__fish_gather_using_subcommand crawl" -s L -l location -d 'Follow redirects: they are followed anyway'
complete -c gather -n "__fish_gather_using_subcommand crawl" -s k -l insecure -d 'Accept any certificate'
complete -c gather -n "__fish_gather_using_subcommand crawl" -s 4 -l ipv4 -d 'IPv4 only'
complete -c gather -n "__fish_gather_using_subcommand crawl" -s 6 -l ipv6 -d 'IPv6 only'
complete -c gather -n "__fish_gather_using_subcommand crawl" -l http1.1 -d 'HTTP/1.1 only'
complete -c gather -n "__fish_gather_using_subcommand crawl" -l http2 -d 'HTTP/2 only, also without TLS'
complete -c gather -n "__fish_gather_using_subcommand crawl" -l trust-proxy -d 'With --addresses public: let the proxy decide what it reaches, which cannot be seen from here'
complete -c gather -n "__fish_gather_using_subcommand crawl" -l fail-fast -d 'Stop at the first failure; the rest is recorded as skipped (exit 4)'
complete -c gather -n "__fish_gather_using_subcommand crawl" -l csv-bom -d 'Begin CSV with a byte order mark, for spreadsheets'
complete -c gather -n "__fish_gather_using_subcommand crawl" -l overwrite -d 'Replace files that exist; a SQLite file loses its earlier runs, PostgreSQL keeps them'
complete -c gather -n "__fish_gather_using_subcommand crawl" -l resume -d 'Go on with the run that writes these outputs; begin it if there is none'
complete -c gather -n "__fish_gather_using_subcommand crawl" -l resume-changed -d 'As --resume, although settings have changed: what is left gets the new ones'
complete -c gather -n "__fish_gather_using_subcommand crawl" -l no-journal -d 'Keep no journal: faster on a slow disk, and a killed run cannot go on'
complete -c gather -n "__fish_gather_using_subcommand crawl" -s q -l quiet -d 'Say nothing but errors'
complete -c gather -n "__fish_gather_using_subcommand crawl" -s v -l verbose -d 'Say more: every failure, and what the engine decides'
complete -c gather -n "__fish_gather_using_subcommand crawl" -l no-progress -d 'No live progress on a terminal'
complete -c gather -n "__fish_gather_using_subcommand crawl" -s h -l help -d 'Print this page'
complete -c gather -n "__fish_gather_using_subcommand run" -s i -l input -d 'Read targets from FILE: a line each, CSV or JSONL, also .gz; - is stdin (repeatable)' -r -F
complete -c gather -n "__fish_gather_using_subcommand run" -l url-field -d 'The column or member of the input that holds the URL' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l scheme -d 'For inputs without a scheme: https, http, or auto: https, then http' -r -f -a "auto\t'https, then http if it cannot connect'
https\t'https'
http\t'http'"
complete -c gather -n "__fish_gather_using_subcommand run" -l limit -d 'Take the first N targets only' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l only -d 'Of an earlier result given with -i, fetch again what failed: failed or failed:KIND' -r
complete -c gather -n "__fish_gather_using_subcommand run" -s c -l concurrency -d 'Requests in flight at once, over all hosts' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l host-concurrency -d 'Requests in flight at once to one host; auto is 4, or a fair share of a given -c' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l rate -d 'Requests over all hosts: 10/s, 5/15s, 100/m' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l host-rate -d 'Requests to one host: 10/s, 5/15s, 100/m' -r
complete -c gather -n "__fish_gather_using_subcommand run" -s t -l timeout -d 'One try, DNS to last byte, its redirects included, waiting in the queue not' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l connect-timeout -d 'Until a connection stands, TLS included' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l min-speed -d 'Give up a body that comes more slowly; 0 for no lower limit' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l deadline -d 'Stop the whole run after this long; what is left has no record' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l retries -d 'Further tries after the first; a 429 spends none' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l backoff -d 'Wait before the first further try, doubled for each one after it, with jitter' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l backoff-max -d 'The longest such wait' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l retry-on -d 'Statuses, error kinds and families of them that are tried again [default: 408,5xx,timeout,connect,dns.temporary, and answers that were cut off]' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l max-retry-after -d 'Give up on a host that asks for a longer pause; 0: on any that refuses' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l robots-agent -d 'Whose rules count [default: the first word of the User-Agent]' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l max-crawl-delay -d 'The longest Crawl-delay that is kept to; a longer one counts as this' -r
complete -c gather -n "__fish_gather_using_subcommand run" -s X -l method -l request -d 'Request method [default: GET, with -d POST, with -I HEAD]' -r
complete -c gather -n "__fish_gather_using_subcommand run" -s H -l header -d 'Header \'Name: value\', or @FILE with a header a line (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand run" -s d -l data -d 'Request body, or @FILE; makes it a POST' -r
complete -c gather -n "__fish_gather_using_subcommand run" -s A -l user-agent -d 'User-Agent to send' -r
complete -c gather -n "__fish_gather_using_subcommand run" -s u -l user -d 'Basic authentication, for the host of each target only' -r
complete -c gather -n "__fish_gather_using_subcommand run" -s b -l cookie -d 'Cookie header: \'a=1; b=2\'' -r
complete -c gather -n "__fish_gather_using_subcommand run" -s x -l proxy -d 'Go through http://, socks5:// or socks5h://[user:password@]host:port' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l max-redirects -d 'Redirects followed in a row; 0 takes a 3xx as the answer' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l resolve -d 'Use this address for a host and port (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l connect-to -d 'Connect to another host and port instead (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l cacert -d 'Trust the certificates in FILE (PEM) only' -r -F
complete -c gather -n "__fish_gather_using_subcommand run" -l roots -d 'Whose certificates are trusted without --cacert: bundled are Mozilla\'s, as built in; system are this machine\'s' -r -f -a "bundled\t'Mozilla\'s, as built in'
system\t'This machine\'s'"
complete -c gather -n "__fish_gather_using_subcommand run" -l cert -d 'Client certificate (PEM)' -r -F
complete -c gather -n "__fish_gather_using_subcommand run" -l key -d 'Its private key (PEM)' -r -F
complete -c gather -n "__fish_gather_using_subcommand run" -l addresses -d 'open: what you name may be anywhere, but what a public answer leads to must be public; public: public addresses only' -r -f -a "open\t'What the operator names may be anywhere'
public\t'Public addresses only'"
complete -c gather -n "__fish_gather_using_subcommand run" -l allow-address -d 'Always dial this address or block, metadata addresses included (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l deny-address -d 'Never dial this address or block: 10.0.0.0/8 (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l max-body -d 'A body as received' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l max-decoded -d 'A body after decompression' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l max-headers -d 'The head of a response' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l max-memory -d 'All bodies in memory together' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l accept -d 'Final statuses that are ok; any other is failed' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l max-failures -d 'Stop when more than N, or P% of those finished, have failed (exit 4)' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l allow-failures -d 'Exit 0 all the same with up to this many failures' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l extract -d 'Find a field in each page: \'price=price:css:.now || css:.price | required\' (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l each -d 'Look for the fields in each match of this, as rows: css:.card, \'json:$.items[*]\'' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l rows -d 'Write the rows of --each to FILE (.jsonl, .csv, .parquet, .xlsx); databases hold them anyway' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l rules -d 'Take rules from FILE, in TOML: each, [fields], [page]' -r -F
complete -c gather -n "__fish_gather_using_subcommand run" -l match-code -l mc -d 'Show these statuses only' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l filter-code -l fc -d 'Hide these statuses' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l match-regex -l mr -d 'Show targets only whose body matches' -r
complete -c gather -n "__fish_gather_using_subcommand run" -s o -l output -d 'Write records to FILE, its format by extension, or to postgres://…; - is stdout, {date} today (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l format -d 'A format: jsonl, csv, text, sqlite, parquet, xlsx, warc [default: by extension; stdout: text on a terminal, else jsonl]' -r -f -a "jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header'
text\t'One line a target, for people'
sqlite\t'A SQLite database'
postgres\t'A PostgreSQL database'
parquet\t'Apache Parquet'
xlsx\t'A spreadsheet'
warc\t'WARC 1.1'"
complete -c gather -n "__fish_gather_using_subcommand run" -s O -l bodies -d 'Store each body in a file of its own under DIR; -o FILE.warc.gz archives all that passes' -r -F
complete -c gather -n "__fish_gather_using_subcommand run" -l cache -d 'Ask only for what has changed since the last run with this FILE, or is no longer fresh' -r -F
complete -c gather -n "__fish_gather_using_subcommand run" -l template -d 'Text lines of this form: \'{status_code} {url}\'' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l fields -d 'Members of a record: a list, or more than the usual with +body,+headers,+sha256' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l redact-query -d 'Write *** for the values of this KEY of queries, wherever a URL is written (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l report -d 'Write a report of the run to FILE: .html (one file, nothing loaded), .md or .json' -r -F
complete -c gather -n "__fish_gather_using_subcommand run" -l report-title -d 'Its heading [default: the job\'s name, or \'Fetch\']' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l report-sort -d 'What its rows are sorted by: a member, a column of the groups; with - downwards' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l group-by -d 'Add a table with a row for each value of a member: host, status_code, tags.NAME, a field' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l agg -d 'Its columns: \'min(price),avg(price),count()\'; count, min, max, avg, sum, first, last, p95' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l journal -d 'Keep the journal in FILE [default: beside the first output file, with .journal added]' -r -F
complete -c gather -n "__fish_gather_using_subcommand run" -l stats-interval -d 'A line of progress this often, where there is no terminal' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l log-format -d 'text or json, one object a line' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c gather -n "__fish_gather_using_subcommand run" -l summary -d 'Write the closing summary to FILE as JSON' -r -F
complete -c gather -n "__fish_gather_using_subcommand run" -s K -l config -d 'Read settings from FILE [default: ./gather.toml, if there is one]' -r -F
complete -c gather -n "__fish_gather_using_subcommand run" -l print-job -d 'Print the typed flags as a job for gather.toml, and stop' -r
complete -c gather -n "__fish_gather_using_subcommand run" -l dedup -d 'Send equal requests once: each target has its record, repeats say whose answer it is (same_as)'
complete -c gather -n "__fish_gather_using_subcommand run" -l retry-unsafe -d 'Repeat POST and PATCH like any other, though the server may have seen them'
complete -c gather -n "__fish_gather_using_subcommand run" -l robots -d 'Read each host\'s robots.txt first, and keep to it'
complete -c gather -n "__fish_gather_using_subcommand run" -s I -l head -d 'Ask for heads only (HEAD)'
complete -c gather -n "__fish_gather_using_subcommand run" -s L -l location -d 'Follow redirects: they are followed anyway'
complete -c gather -n "__fish_gather_using_subcommand run" -s k -l insecure -d 'Accept any certificate'
complete -c gather -n "__fish_gather_using_subcommand run" -s 4 -l ipv4 -d 'IPv4 only'
complete -c gather -n "__fish_gather_using_subcommand run" -s 6 -l ipv6 -d 'IPv6 only'
complete -c gather -n "__fish_gather_using_subcommand run" -l http1.1 -d 'HTTP/1.1 only'
complete -c gather -n "__fish_gather_using_subcommand run" -l http2 -d 'HTTP/2 only, also without TLS'
complete -c gather -n "__fish_gather_using_subcommand run" -l trust-proxy -d 'With --addresses public: let the proxy decide what it reaches, which cannot be seen from here'
complete -c gather -n "__fish_gather_using_subcommand run" -l fail-fast -d 'Stop at the first failure; the rest is recorded as skipped (exit 4)'
complete -c gather -n "__fish_gather_using_subcommand run" -l csv-bom -d 'Begin CSV with a byte order mark, for spreadsheets'
complete -c gather -n "__fish_gather_using_subcommand run" -l overwrite -d 'Replace files that exist; a SQLite file loses its earlier runs, PostgreSQL keeps them'
complete -c gather -n "__fish_gather_using_subcommand run" -l resume -d 'Go on with the run that writes these outputs; begin it if there is none'
complete -c gather -n "__fish_gather_using_subcommand run" -l resume-changed -d 'As --resume, although settings have changed: what is left gets the new ones'
complete -c gather -n "__fish_gather_using_subcommand run" -l no-journal -d 'Keep no journal: faster on a slow disk, and a killed run cannot go on'
complete -c gather -n "__fish_gather_using_subcommand run" -s q -l quiet -d 'Say nothing but errors'
complete -c gather -n "__fish_gather_using_subcommand run" -s v -l verbose -d 'Say more: every failure, and what the engine decides'
complete -c gather -n "__fish_gather_using_subcommand run" -l no-progress -d 'No live progress on a terminal'
complete -c gather -n "__fish_gather_using_subcommand run" -s h -l help -d 'Print this page'
complete -c gather -n "__fish_gather_using_subcommand watch" -s K -l config -d 'Read the jobs from FILE [default: ./gather.toml]' -r -F
complete -c gather -n "__fish_gather_using_subcommand watch" -l job -d 'Watch these jobs alone (repeatable) [default: all that have a schedule]' -r
complete -c gather -n "__fish_gather_using_subcommand watch" -l listen -d 'Where the status page listens, in place of [web] listen; `off` for none' -r
complete -c gather -n "__fish_gather_using_subcommand watch" -l stats-interval -d 'A line of progress this often, where there is no terminal' -r
complete -c gather -n "__fish_gather_using_subcommand watch" -l log-format -d 'text or json, one object a line' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c gather -n "__fish_gather_using_subcommand watch" -l summary -d 'Write the closing summary to FILE as JSON' -r -F
complete -c gather -n "__fish_gather_using_subcommand watch" -l dry-run -d 'Read the file and the lists, say what would be watched, and stop'
complete -c gather -n "__fish_gather_using_subcommand watch" -s q -l quiet -d 'Say nothing but errors'
complete -c gather -n "__fish_gather_using_subcommand watch" -s v -l verbose -d 'Say more: every failure, and what the engine decides'
complete -c gather -n "__fish_gather_using_subcommand watch" -l no-progress -d 'No live progress on a terminal'
complete -c gather -n "__fish_gather_using_subcommand watch" -s h -l help -d 'Print help'
complete -c gather -n "__fish_gather_using_subcommand status" -l job -d 'Targets of this job alone' -r
complete -c gather -n "__fish_gather_using_subcommand status" -l state -d 'Targets in this state alone: down, suspect, degraded, limited, up, unknown, maintenance' -r
complete -c gather -n "__fish_gather_using_subcommand status" -l limit -d 'Rows at most' -r
complete -c gather -n "__fish_gather_using_subcommand status" -l export -d 'Write the status page as files into DIR, in place of the table' -r -F
complete -c gather -n "__fish_gather_using_subcommand status" -s K -l config -d 'Read [store] and the jobs from FILE [default: ./gather.toml]' -r -F
complete -c gather -n "__fish_gather_using_subcommand status" -s h -l help -d 'Print help'
complete -c gather -n "__fish_gather_using_subcommand silence" -l job -d 'All targets of a job' -r
complete -c gather -n "__fish_gather_using_subcommand silence" -l group -d 'All targets of a group' -r
complete -c gather -n "__fish_gather_using_subcommand silence" -l tag -d 'All targets with this tag' -r
complete -c gather -n "__fish_gather_using_subcommand silence" -l for -d 'How long' -r
complete -c gather -n "__fish_gather_using_subcommand silence" -l why -d 'Why, for those who look at the status page' -r
complete -c gather -n "__fish_gather_using_subcommand silence" -l end -d 'End the silence of this number' -r
complete -c gather -n "__fish_gather_using_subcommand silence" -s K -l config -d 'Read [store] and the jobs from FILE [default: ./gather.toml]' -r -F
complete -c gather -n "__fish_gather_using_subcommand silence" -l everything -d 'All targets'
complete -c gather -n "__fish_gather_using_subcommand silence" -l list -d 'List the silences in force, and those to come'
complete -c gather -n "__fish_gather_using_subcommand silence" -s h -l help -d 'Print help'
complete -c gather -n "__fish_gather_using_subcommand notify; and not __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c gather -n "__fish_gather_using_subcommand notify; and not __fish_seen_subcommand_from test" -f -a "test" -d 'Send a test message over a channel of gather.toml, and say what came of it'
complete -c gather -n "__fish_gather_using_subcommand notify; and __fish_seen_subcommand_from test" -s K -l config -d 'Read the channel from FILE [default: ./gather.toml]' -r -F
complete -c gather -n "__fish_gather_using_subcommand notify; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c gather -n "__fish_gather_using_subcommand plan" -s i -l input -d 'Read targets from FILE: a line each, CSV or JSONL, also .gz; - is stdin (repeatable)' -r -F
complete -c gather -n "__fish_gather_using_subcommand plan" -l url-field -d 'The column or member of the input that holds the URL' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l scheme -d 'For inputs without a scheme: https, http, or auto: https, then http' -r -f -a "auto\t'https, then http if it cannot connect'
https\t'https'
http\t'http'"
complete -c gather -n "__fish_gather_using_subcommand plan" -l limit -d 'Take the first N targets only' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l only -d 'Of an earlier result given with -i, fetch again what failed: failed or failed:KIND' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -s c -l concurrency -d 'Requests in flight at once, over all hosts' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l host-concurrency -d 'Requests in flight at once to one host; auto is 4, or a fair share of a given -c' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l rate -d 'Requests over all hosts: 10/s, 5/15s, 100/m' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l host-rate -d 'Requests to one host: 10/s, 5/15s, 100/m' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -s t -l timeout -d 'One try, DNS to last byte, its redirects included, waiting in the queue not' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l connect-timeout -d 'Until a connection stands, TLS included' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l min-speed -d 'Give up a body that comes more slowly; 0 for no lower limit' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l deadline -d 'Stop the whole run after this long; what is left has no record' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l retries -d 'Further tries after the first; a 429 spends none' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l backoff -d 'Wait before the first further try, doubled for each one after it, with jitter' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l backoff-max -d 'The longest such wait' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l retry-on -d 'Statuses, error kinds and families of them that are tried again [default: 408,5xx,timeout,connect,dns.temporary, and answers that were cut off]' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l max-retry-after -d 'Give up on a host that asks for a longer pause; 0: on any that refuses' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l robots-agent -d 'Whose rules count [default: the first word of the User-Agent]' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l max-crawl-delay -d 'The longest Crawl-delay that is kept to; a longer one counts as this' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -s X -l method -l request -d 'Request method [default: GET, with -d POST, with -I HEAD]' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -s H -l header -d 'Header \'Name: value\', or @FILE with a header a line (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -s d -l data -d 'Request body, or @FILE; makes it a POST' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -s A -l user-agent -d 'User-Agent to send' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -s u -l user -d 'Basic authentication, for the host of each target only' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -s b -l cookie -d 'Cookie header: \'a=1; b=2\'' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -s x -l proxy -d 'Go through http://, socks5:// or socks5h://[user:password@]host:port' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l max-redirects -d 'Redirects followed in a row; 0 takes a 3xx as the answer' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l resolve -d 'Use this address for a host and port (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l connect-to -d 'Connect to another host and port instead (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l cacert -d 'Trust the certificates in FILE (PEM) only' -r -F
complete -c gather -n "__fish_gather_using_subcommand plan" -l roots -d 'Whose certificates are trusted without --cacert: bundled are Mozilla\'s, as built in; system are this machine\'s' -r -f -a "bundled\t'Mozilla\'s, as built in'
system\t'This machine\'s'"
complete -c gather -n "__fish_gather_using_subcommand plan" -l cert -d 'Client certificate (PEM)' -r -F
complete -c gather -n "__fish_gather_using_subcommand plan" -l key -d 'Its private key (PEM)' -r -F
complete -c gather -n "__fish_gather_using_subcommand plan" -l addresses -d 'open: what you name may be anywhere, but what a public answer leads to must be public; public: public addresses only' -r -f -a "open\t'What the operator names may be anywhere'
public\t'Public addresses only'"
complete -c gather -n "__fish_gather_using_subcommand plan" -l allow-address -d 'Always dial this address or block, metadata addresses included (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l deny-address -d 'Never dial this address or block: 10.0.0.0/8 (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l max-body -d 'A body as received' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l max-decoded -d 'A body after decompression' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l max-headers -d 'The head of a response' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l max-memory -d 'All bodies in memory together' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l accept -d 'Final statuses that are ok; any other is failed' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l max-failures -d 'Stop when more than N, or P% of those finished, have failed (exit 4)' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l allow-failures -d 'Exit 0 all the same with up to this many failures' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l extract -d 'Find a field in each page: \'price=price:css:.now || css:.price | required\' (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l each -d 'Look for the fields in each match of this, as rows: css:.card, \'json:$.items[*]\'' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l rows -d 'Write the rows of --each to FILE (.jsonl, .csv, .parquet, .xlsx); databases hold them anyway' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l rules -d 'Take rules from FILE, in TOML: each, [fields], [page]' -r -F
complete -c gather -n "__fish_gather_using_subcommand plan" -l match-code -l mc -d 'Show these statuses only' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l filter-code -l fc -d 'Hide these statuses' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l match-regex -l mr -d 'Show targets only whose body matches' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -s o -l output -d 'Write records to FILE, its format by extension, or to postgres://…; - is stdout, {date} today (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l format -d 'A format: jsonl, csv, text, sqlite, parquet, xlsx, warc [default: by extension; stdout: text on a terminal, else jsonl]' -r -f -a "jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header'
text\t'One line a target, for people'
sqlite\t'A SQLite database'
postgres\t'A PostgreSQL database'
parquet\t'Apache Parquet'
xlsx\t'A spreadsheet'
warc\t'WARC 1.1'"
complete -c gather -n "__fish_gather_using_subcommand plan" -s O -l bodies -d 'Store each body in a file of its own under DIR; -o FILE.warc.gz archives all that passes' -r -F
complete -c gather -n "__fish_gather_using_subcommand plan" -l cache -d 'Ask only for what has changed since the last run with this FILE, or is no longer fresh' -r -F
complete -c gather -n "__fish_gather_using_subcommand plan" -l template -d 'Text lines of this form: \'{status_code} {url}\'' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l fields -d 'Members of a record: a list, or more than the usual with +body,+headers,+sha256' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l redact-query -d 'Write *** for the values of this KEY of queries, wherever a URL is written (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l report -d 'Write a report of the run to FILE: .html (one file, nothing loaded), .md or .json' -r -F
complete -c gather -n "__fish_gather_using_subcommand plan" -l report-title -d 'Its heading [default: the job\'s name, or \'Fetch\']' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l report-sort -d 'What its rows are sorted by: a member, a column of the groups; with - downwards' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l group-by -d 'Add a table with a row for each value of a member: host, status_code, tags.NAME, a field' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l agg -d 'Its columns: \'min(price),avg(price),count()\'; count, min, max, avg, sum, first, last, p95' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l journal -d 'Keep the journal in FILE [default: beside the first output file, with .journal added]' -r -F
complete -c gather -n "__fish_gather_using_subcommand plan" -l stats-interval -d 'A line of progress this often, where there is no terminal' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l log-format -d 'text or json, one object a line' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c gather -n "__fish_gather_using_subcommand plan" -l summary -d 'Write the closing summary to FILE as JSON' -r -F
complete -c gather -n "__fish_gather_using_subcommand plan" -s K -l config -d 'Read settings from FILE [default: ./gather.toml, if there is one]' -r -F
complete -c gather -n "__fish_gather_using_subcommand plan" -l print-job -d 'Print the typed flags as a job for gather.toml, and stop' -r
complete -c gather -n "__fish_gather_using_subcommand plan" -l dedup -d 'Send equal requests once: each target has its record, repeats say whose answer it is (same_as)'
complete -c gather -n "__fish_gather_using_subcommand plan" -l retry-unsafe -d 'Repeat POST and PATCH like any other, though the server may have seen them'
complete -c gather -n "__fish_gather_using_subcommand plan" -l robots -d 'Read each host\'s robots.txt first, and keep to it'
complete -c gather -n "__fish_gather_using_subcommand plan" -s I -l head -d 'Ask for heads only (HEAD)'
complete -c gather -n "__fish_gather_using_subcommand plan" -s L -l location -d 'Follow redirects: they are followed anyway'
complete -c gather -n "__fish_gather_using_subcommand plan" -s k -l insecure -d 'Accept any certificate'
complete -c gather -n "__fish_gather_using_subcommand plan" -s 4 -l ipv4 -d 'IPv4 only'
complete -c gather -n "__fish_gather_using_subcommand plan" -s 6 -l ipv6 -d 'IPv6 only'
complete -c gather -n "__fish_gather_using_subcommand plan" -l http1.1 -d 'HTTP/1.1 only'
complete -c gather -n "__fish_gather_using_subcommand plan" -l http2 -d 'HTTP/2 only, also without TLS'
complete -c gather -n "__fish_gather_using_subcommand plan" -l trust-proxy -d 'With --addresses public: let the proxy decide what it reaches, which cannot be seen from here'
complete -c gather -n "__fish_gather_using_subcommand plan" -l fail-fast -d 'Stop at the first failure; the rest is recorded as skipped (exit 4)'
complete -c gather -n "__fish_gather_using_subcommand plan" -l csv-bom -d 'Begin CSV with a byte order mark, for spreadsheets'
complete -c gather -n "__fish_gather_using_subcommand plan" -l overwrite -d 'Replace files that exist; a SQLite file loses its earlier runs, PostgreSQL keeps them'
complete -c gather -n "__fish_gather_using_subcommand plan" -l resume -d 'Go on with the run that writes these outputs; begin it if there is none'
complete -c gather -n "__fish_gather_using_subcommand plan" -l resume-changed -d 'As --resume, although settings have changed: what is left gets the new ones'
complete -c gather -n "__fish_gather_using_subcommand plan" -l no-journal -d 'Keep no journal: faster on a slow disk, and a killed run cannot go on'
complete -c gather -n "__fish_gather_using_subcommand plan" -s q -l quiet -d 'Say nothing but errors'
complete -c gather -n "__fish_gather_using_subcommand plan" -s v -l verbose -d 'Say more: every failure, and what the engine decides'
complete -c gather -n "__fish_gather_using_subcommand plan" -l no-progress -d 'No live progress on a terminal'
complete -c gather -n "__fish_gather_using_subcommand plan" -s h -l help -d 'Print this page'
complete -c gather -n "__fish_gather_using_subcommand compare" -s i -l input -d 'Read targets from FILE: a line each, CSV or JSONL, also .gz; - is stdin (repeatable)' -r -F
complete -c gather -n "__fish_gather_using_subcommand compare" -l url-field -d 'The column or member of the input that holds the URL' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l scheme -d 'For inputs without a scheme: https, http, or auto: https, then http' -r -f -a "auto\t'https, then http if it cannot connect'
https\t'https'
http\t'http'"
complete -c gather -n "__fish_gather_using_subcommand compare" -l limit -d 'Take the first N targets only' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l only -d 'Of an earlier result given with -i, fetch again what failed: failed or failed:KIND' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -s c -l concurrency -d 'Requests in flight at once, over all hosts' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l host-concurrency -d 'Requests in flight at once to one host; auto is 4, or a fair share of a given -c' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l rate -d 'Requests over all hosts: 10/s, 5/15s, 100/m' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l host-rate -d 'Requests to one host: 10/s, 5/15s, 100/m' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -s t -l timeout -d 'One try, DNS to last byte, its redirects included, waiting in the queue not' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l connect-timeout -d 'Until a connection stands, TLS included' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l min-speed -d 'Give up a body that comes more slowly; 0 for no lower limit' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l deadline -d 'Stop the whole run after this long; what is left has no record' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l retries -d 'Further tries after the first; a 429 spends none' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l backoff -d 'Wait before the first further try, doubled for each one after it, with jitter' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l backoff-max -d 'The longest such wait' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l retry-on -d 'Statuses, error kinds and families of them that are tried again [default: 408,5xx,timeout,connect,dns.temporary, and answers that were cut off]' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l max-retry-after -d 'Give up on a host that asks for a longer pause; 0: on any that refuses' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l robots-agent -d 'Whose rules count [default: the first word of the User-Agent]' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l max-crawl-delay -d 'The longest Crawl-delay that is kept to; a longer one counts as this' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -s X -l method -l request -d 'Request method [default: GET, with -d POST, with -I HEAD]' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -s H -l header -d 'Header \'Name: value\', or @FILE with a header a line (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -s d -l data -d 'Request body, or @FILE; makes it a POST' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -s A -l user-agent -d 'User-Agent to send' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -s u -l user -d 'Basic authentication, for the host of each target only' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -s b -l cookie -d 'Cookie header: \'a=1; b=2\'' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -s x -l proxy -d 'Go through http://, socks5:// or socks5h://[user:password@]host:port' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l max-redirects -d 'Redirects followed in a row; 0 takes a 3xx as the answer' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l resolve -d 'Use this address for a host and port (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l connect-to -d 'Connect to another host and port instead (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l cacert -d 'Trust the certificates in FILE (PEM) only' -r -F
complete -c gather -n "__fish_gather_using_subcommand compare" -l roots -d 'Whose certificates are trusted without --cacert: bundled are Mozilla\'s, as built in; system are this machine\'s' -r -f -a "bundled\t'Mozilla\'s, as built in'
system\t'This machine\'s'"
complete -c gather -n "__fish_gather_using_subcommand compare" -l cert -d 'Client certificate (PEM)' -r -F
complete -c gather -n "__fish_gather_using_subcommand compare" -l key -d 'Its private key (PEM)' -r -F
complete -c gather -n "__fish_gather_using_subcommand compare" -l addresses -d 'open: what you name may be anywhere, but what a public answer leads to must be public; public: public addresses only' -r -f -a "open\t'What the operator names may be anywhere'
public\t'Public addresses only'"
complete -c gather -n "__fish_gather_using_subcommand compare" -l allow-address -d 'Always dial this address or block, metadata addresses included (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l deny-address -d 'Never dial this address or block: 10.0.0.0/8 (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l max-body -d 'A body as received' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l max-decoded -d 'A body after decompression' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l max-headers -d 'The head of a response' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l max-memory -d 'All bodies in memory together' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l accept -d 'Final statuses that are ok; any other is failed' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l max-failures -d 'Stop when more than N, or P% of those finished, have failed (exit 4)' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l allow-failures -d 'Exit 0 all the same with up to this many failures' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l extract -d 'Find a field in each page: \'price=price:css:.now || css:.price | required\' (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l each -d 'Look for the fields in each match of this, as rows: css:.card, \'json:$.items[*]\'' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l rows -d 'Write the rows of --each to FILE (.jsonl, .csv, .parquet, .xlsx); databases hold them anyway' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l rules -d 'Take rules from FILE, in TOML: each, [fields], [page]' -r -F
complete -c gather -n "__fish_gather_using_subcommand compare" -l match-code -l mc -d 'Show these statuses only' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l filter-code -l fc -d 'Hide these statuses' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l match-regex -l mr -d 'Show targets only whose body matches' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -s o -l output -d 'Write records to FILE, its format by extension, or to postgres://…; - is stdout, {date} today (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l format -d 'A format: jsonl, csv, text, sqlite, parquet, xlsx, warc [default: by extension; stdout: text on a terminal, else jsonl]' -r -f -a "jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header'
text\t'One line a target, for people'
sqlite\t'A SQLite database'
postgres\t'A PostgreSQL database'
parquet\t'Apache Parquet'
xlsx\t'A spreadsheet'
warc\t'WARC 1.1'"
complete -c gather -n "__fish_gather_using_subcommand compare" -s O -l bodies -d 'Store each body in a file of its own under DIR; -o FILE.warc.gz archives all that passes' -r -F
complete -c gather -n "__fish_gather_using_subcommand compare" -l cache -d 'Ask only for what has changed since the last run with this FILE, or is no longer fresh' -r -F
complete -c gather -n "__fish_gather_using_subcommand compare" -l template -d 'Text lines of this form: \'{status_code} {url}\'' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l fields -d 'Members of a record: a list, or more than the usual with +body,+headers,+sha256' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l redact-query -d 'Write *** for the values of this KEY of queries, wherever a URL is written (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l report -d 'Write a report of the run to FILE: .html (one file, nothing loaded), .md or .json' -r -F
complete -c gather -n "__fish_gather_using_subcommand compare" -l report-title -d 'Its heading [default: the job\'s name, or \'Fetch\']' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l report-sort -d 'What its rows are sorted by: a member, a column of the groups; with - downwards' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l group-by -d 'Add a table with a row for each value of a member: host, status_code, tags.NAME, a field' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l agg -d 'Its columns: \'min(price),avg(price),count()\'; count, min, max, avg, sum, first, last, p95' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l journal -d 'Keep the journal in FILE [default: beside the first output file, with .journal added]' -r -F
complete -c gather -n "__fish_gather_using_subcommand compare" -l stats-interval -d 'A line of progress this often, where there is no terminal' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l log-format -d 'text or json, one object a line' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c gather -n "__fish_gather_using_subcommand compare" -l summary -d 'Write the closing summary to FILE as JSON' -r -F
complete -c gather -n "__fish_gather_using_subcommand compare" -s K -l config -d 'Read settings from FILE [default: ./gather.toml, if there is one]' -r -F
complete -c gather -n "__fish_gather_using_subcommand compare" -l print-job -d 'Print the typed flags as a job for gather.toml, and stop' -r
complete -c gather -n "__fish_gather_using_subcommand compare" -l dedup -d 'Send equal requests once: each target has its record, repeats say whose answer it is (same_as)'
complete -c gather -n "__fish_gather_using_subcommand compare" -l retry-unsafe -d 'Repeat POST and PATCH like any other, though the server may have seen them'
complete -c gather -n "__fish_gather_using_subcommand compare" -l robots -d 'Read each host\'s robots.txt first, and keep to it'
complete -c gather -n "__fish_gather_using_subcommand compare" -s I -l head -d 'Ask for heads only (HEAD)'
complete -c gather -n "__fish_gather_using_subcommand compare" -s L -l location -d 'Follow redirects: they are followed anyway'
complete -c gather -n "__fish_gather_using_subcommand compare" -s k -l insecure -d 'Accept any certificate'
complete -c gather -n "__fish_gather_using_subcommand compare" -s 4 -l ipv4 -d 'IPv4 only'
complete -c gather -n "__fish_gather_using_subcommand compare" -s 6 -l ipv6 -d 'IPv6 only'
complete -c gather -n "__fish_gather_using_subcommand compare" -l http1.1 -d 'HTTP/1.1 only'
complete -c gather -n "__fish_gather_using_subcommand compare" -l http2 -d 'HTTP/2 only, also without TLS'
complete -c gather -n "__fish_gather_using_subcommand compare" -l trust-proxy -d 'With --addresses public: let the proxy decide what it reaches, which cannot be seen from here'
complete -c gather -n "__fish_gather_using_subcommand compare" -l fail-fast -d 'Stop at the first failure; the rest is recorded as skipped (exit 4)'
complete -c gather -n "__fish_gather_using_subcommand compare" -l csv-bom -d 'Begin CSV with a byte order mark, for spreadsheets'
complete -c gather -n "__fish_gather_using_subcommand compare" -l overwrite -d 'Replace files that exist; a SQLite file loses its earlier runs, PostgreSQL keeps them'
complete -c gather -n "__fish_gather_using_subcommand compare" -l resume -d 'Go on with the run that writes these outputs; begin it if there is none'
complete -c gather -n "__fish_gather_using_subcommand compare" -l resume-changed -d 'As --resume, although settings have changed: what is left gets the new ones'
complete -c gather -n "__fish_gather_using_subcommand compare" -l no-journal -d 'Keep no journal: faster on a slow disk, and a killed run cannot go on'
complete -c gather -n "__fish_gather_using_subcommand compare" -s q -l quiet -d 'Say nothing but errors'
complete -c gather -n "__fish_gather_using_subcommand compare" -s v -l verbose -d 'Say more: every failure, and what the engine decides'
complete -c gather -n "__fish_gather_using_subcommand compare" -l no-progress -d 'No live progress on a terminal'
complete -c gather -n "__fish_gather_using_subcommand compare" -s h -l help -d 'Print this page'
complete -c gather -n "__fish_gather_using_subcommand extract" -l extract -d 'Find a field in each page: \'price=price:css:.now || css:.price | required\' (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand extract" -l each -d 'Look for the fields in each match of this, as rows: css:.card, \'json:$.items[*]\'' -r
complete -c gather -n "__fish_gather_using_subcommand extract" -l rows -d 'Write the rows of --each to FILE (.jsonl, .csv, .parquet, .xlsx); databases hold them anyway' -r
complete -c gather -n "__fish_gather_using_subcommand extract" -l rules -d 'Take rules from FILE, in TOML: each, [fields], [page]' -r -F
complete -c gather -n "__fish_gather_using_subcommand extract" -s O -l bodies -d 'Where the bodies of -O are, if not where the records say' -r -F
complete -c gather -n "__fish_gather_using_subcommand extract" -l run -d 'Of a database, the run to read [default: the one that began last]' -r
complete -c gather -n "__fish_gather_using_subcommand extract" -l url -d 'The address of a saved page, which links in it are relative to' -r
complete -c gather -n "__fish_gather_using_subcommand extract" -s o -l output -d 'Write records to FILE, its form by extension: jsonl, csv, txt, db, parquet, xlsx, or postgres://…; - is stdout (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand extract" -l format -d 'jsonl, csv, text, sqlite, postgres, parquet or xlsx' -r -f -a "jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header'
text\t'One line a target, for people'
sqlite\t'A SQLite database'
postgres\t'A PostgreSQL database'
parquet\t'Apache Parquet'
xlsx\t'A spreadsheet'
warc\t'WARC 1.1'"
complete -c gather -n "__fish_gather_using_subcommand extract" -l template -d 'Text lines of this form: \'{fields.price} {url}\'' -r
complete -c gather -n "__fish_gather_using_subcommand extract" -l fields -d 'Members of a record: a list, or the usual ones and more with +title' -r
complete -c gather -n "__fish_gather_using_subcommand extract" -l log-format -d 'text or json, one object a line' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c gather -n "__fish_gather_using_subcommand extract" -l csv-bom -d 'Begin CSV with a byte order mark, for spreadsheets'
complete -c gather -n "__fish_gather_using_subcommand extract" -l overwrite -d 'Replace outputs that exist'
complete -c gather -n "__fish_gather_using_subcommand extract" -s q -l quiet -d 'Say nothing but errors'
complete -c gather -n "__fish_gather_using_subcommand extract" -s h -l help -d 'Print help'
complete -c gather -n "__fish_gather_using_subcommand export" -l run -d 'Of a database, the run to read [default: the one that began last]' -r
complete -c gather -n "__fish_gather_using_subcommand export" -l match-code -l mc -d 'Take these statuses only' -r
complete -c gather -n "__fish_gather_using_subcommand export" -l filter-code -l fc -d 'Leave out these statuses' -r
complete -c gather -n "__fish_gather_using_subcommand export" -l match-regex -l mr -d 'Take records only whose body matches; whose JSON does, where no body is held' -r
complete -c gather -n "__fish_gather_using_subcommand export" -l only -d 'Take what failed: failed or failed:KIND' -r
complete -c gather -n "__fish_gather_using_subcommand export" -l limit -d 'Write the first N records only' -r
complete -c gather -n "__fish_gather_using_subcommand export" -l sort -d 'Write records in the order of their number: n' -r -f -a "n\t'Their number'"
complete -c gather -n "__fish_gather_using_subcommand export" -s o -l output -d 'Write to FILE, its form by extension: jsonl, csv, txt, db, parquet, xlsx, or postgres://…; - is stdout (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand export" -l format -d 'jsonl, csv, text, sqlite, postgres, parquet or xlsx' -r -f -a "jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header'
text\t'One line a target, for people'
sqlite\t'A SQLite database'
postgres\t'A PostgreSQL database'
parquet\t'Apache Parquet'
xlsx\t'A spreadsheet'
warc\t'WARC 1.1'"
complete -c gather -n "__fish_gather_using_subcommand export" -l template -d 'Text lines of this form: \'{status_code} {url}\'' -r
complete -c gather -n "__fish_gather_using_subcommand export" -l fields -d 'Members of a record: a list, or the usual ones and more with +title [default: all it holds]' -r
complete -c gather -n "__fish_gather_using_subcommand export" -l log-format -d 'text or json, one object a line' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c gather -n "__fish_gather_using_subcommand export" -l strict -d 'End at the first row that is no record'
complete -c gather -n "__fish_gather_using_subcommand export" -l csv-bom -d 'Begin CSV with a byte order mark, for spreadsheets'
complete -c gather -n "__fish_gather_using_subcommand export" -l overwrite -d 'Replace outputs that exist'
complete -c gather -n "__fish_gather_using_subcommand export" -s q -l quiet -d 'Say nothing but errors'
complete -c gather -n "__fish_gather_using_subcommand export" -s h -l help -d 'Print help'
complete -c gather -n "__fish_gather_using_subcommand report" -l run -d 'Of a database, the run to tell of [default: the one that began last]' -r
complete -c gather -n "__fish_gather_using_subcommand report" -l title -d 'Its heading [default: the names of the results]' -r
complete -c gather -n "__fish_gather_using_subcommand report" -l group-by -d 'Add a table with a row for each value of a member: host, status_code, tags.NAME, a field' -r
complete -c gather -n "__fish_gather_using_subcommand report" -l agg -d 'Its columns: \'min(price),avg(price),count()\'; count, min, max, avg, sum, first, last, p95' -r
complete -c gather -n "__fish_gather_using_subcommand report" -l sort -d 'What rows are sorted by: a member, a column of the groups; with - downwards' -r
complete -c gather -n "__fish_gather_using_subcommand report" -l target -d 'Tell everything of a target, by its number or URL (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand report" -s o -l output -d 'Write it to FILE: .html (one file, nothing loaded), .md or .json; - is stdout' -r -F
complete -c gather -n "__fish_gather_using_subcommand report" -l format -d 'html, md or json [default: by the name of the file; md on stdout]' -r -f -a "html\t'One HTML file'
md\t'Markdown'
json\t'One JSON object'"
complete -c gather -n "__fish_gather_using_subcommand report" -l overwrite -d 'Replace a file that exists'
complete -c gather -n "__fish_gather_using_subcommand report" -s q -l quiet -d 'Say nothing but errors'
complete -c gather -n "__fish_gather_using_subcommand report" -s h -l help -d 'Print help'
complete -c gather -n "__fish_gather_using_subcommand changes" -l run -d 'Of a database, compare this run with the one before it [default: the last run]' -r
complete -c gather -n "__fish_gather_using_subcommand changes" -l with -d 'Compare --run with this later one' -r
complete -c gather -n "__fish_gather_using_subcommand changes" -l since -d 'All changes since then: 2026-11-24, 2026-11-24T10:00:00Z, or a time ago: 7d, 12h' -r
complete -c gather -n "__fish_gather_using_subcommand changes" -l job -d 'Look at the runs of this job [default: that of the last run]' -r
complete -c gather -n "__fish_gather_using_subcommand changes" -l key -d 'What tells a target from the others: a field, a tag, a member [default: its URL]' -r
complete -c gather -n "__fish_gather_using_subcommand changes" -l fields -d 'Compare these: fields, tags, members as title or sha256 [default: all fields found]' -r
complete -c gather -n "__fish_gather_using_subcommand changes" -l only -d 'Tell of these alone: changed, lost, found, status, added, removed' -r
complete -c gather -n "__fish_gather_using_subcommand changes" -s o -l output -d 'Write to FILE, its form by extension: jsonl, csv, html, md; - is stdout' -r -F
complete -c gather -n "__fish_gather_using_subcommand changes" -l format -d 'text, jsonl, csv, html or md [default: text on a terminal, else jsonl]' -r -f -a "text\t'Lines for people'
jsonl\t'A JSON object each'
csv\t'A row each'
html\t'One HTML file'
md\t'Markdown'"
complete -c gather -n "__fish_gather_using_subcommand changes" -l title -d 'The heading of html and md' -r
complete -c gather -n "__fish_gather_using_subcommand changes" -l exit-code -d 'Exit with 2 if anything changed'
complete -c gather -n "__fish_gather_using_subcommand changes" -l overwrite -d 'Replace a file that exists'
complete -c gather -n "__fish_gather_using_subcommand changes" -s q -l quiet -d 'Say nothing but errors'
complete -c gather -n "__fish_gather_using_subcommand changes" -s h -l help -d 'Print help'
complete -c gather -n "__fish_gather_using_subcommand verify" -s i -l input -d 'What the run was given with -i, in the same order: lists, CSV, JSONL, also .gz (repeatable)' -r -F
complete -c gather -n "__fish_gather_using_subcommand verify" -l url -d 'URLs the run was given as arguments, without templates (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand verify" -l url-field -d 'The column or member of the input that holds the URL, as the run had it' -r
complete -c gather -n "__fish_gather_using_subcommand verify" -l limit -d 'The run\'s own --limit' -r
complete -c gather -n "__fish_gather_using_subcommand verify" -l only -d 'The run\'s own --only' -r
complete -c gather -n "__fish_gather_using_subcommand verify" -l redact-query -d 'The run\'s own --redact-query (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand verify" -l run -d 'Which run of a database, by its name [default: the journal\'s, or the newest]' -r
complete -c gather -n "__fish_gather_using_subcommand verify" -l journal -d 'The run\'s journal [default: OUTPUT.journal, if there is one]' -r -F
complete -c gather -n "__fish_gather_using_subcommand verify" -s O -l bodies -d 'Where the bodies are, if they were moved' -r -F
complete -c gather -n "__fish_gather_using_subcommand verify" -l format -d 'How the findings are written: text or json' -r -f -a "text\t'Lines for people'
json\t'One JSON object'"
complete -c gather -n "__fish_gather_using_subcommand verify" -s h -l help -d 'Print help'
complete -c gather -n "__fish_gather_using_subcommand demo" -l port -d 'Where its hosts listen, each on a loopback address of its own [default: a free port]' -r
complete -c gather -n "__fish_gather_using_subcommand demo" -l market -d 'Print what stands on the first N listing pages of its market, and stop: JSON lines' -r
complete -c gather -n "__fish_gather_using_subcommand demo" -l stats-interval -d 'A line of progress this often, where there is no terminal' -r
complete -c gather -n "__fish_gather_using_subcommand demo" -l log-format -d 'text or json, one object a line' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c gather -n "__fish_gather_using_subcommand demo" -l summary -d 'Write the closing summary to FILE as JSON' -r -F
complete -c gather -n "__fish_gather_using_subcommand demo" -l serve -d 'Keep the site up to play with, until Ctrl-C'
complete -c gather -n "__fish_gather_using_subcommand demo" -s q -l quiet -d 'Say nothing but errors'
complete -c gather -n "__fish_gather_using_subcommand demo" -s v -l verbose -d 'Say more: every failure, and what the engine decides'
complete -c gather -n "__fish_gather_using_subcommand demo" -l no-progress -d 'No live progress on a terminal'
complete -c gather -n "__fish_gather_using_subcommand demo" -s h -l help -d 'Print help'
complete -c gather -n "__fish_gather_using_subcommand init" -s h -l help -d 'Print help'
complete -c gather -n "__fish_gather_using_subcommand config; and not __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c gather -n "__fish_gather_using_subcommand config; and not __fish_seen_subcommand_from show" -f -a "show" -d 'Print every setting of a fetch, its value, and where it comes from'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l job -d 'Show the settings of this job of the file' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s i -l input -d 'Read targets from FILE: a line each, CSV or JSONL, also .gz; - is stdin (repeatable)' -r -F
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l url-field -d 'The column or member of the input that holds the URL' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l scheme -d 'For inputs without a scheme: https, http, or auto: https, then http' -r -f -a "auto\t'https, then http if it cannot connect'
https\t'https'
http\t'http'"
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l limit -d 'Take the first N targets only' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l only -d 'Of an earlier result given with -i, fetch again what failed: failed or failed:KIND' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s c -l concurrency -d 'Requests in flight at once, over all hosts' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l host-concurrency -d 'Requests in flight at once to one host; auto is 4, or a fair share of a given -c' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l rate -d 'Requests over all hosts: 10/s, 5/15s, 100/m' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l host-rate -d 'Requests to one host: 10/s, 5/15s, 100/m' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s t -l timeout -d 'One try, DNS to last byte, its redirects included, waiting in the queue not' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l connect-timeout -d 'Until a connection stands, TLS included' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l min-speed -d 'Give up a body that comes more slowly; 0 for no lower limit' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l deadline -d 'Stop the whole run after this long; what is left has no record' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l retries -d 'Further tries after the first; a 429 spends none' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l backoff -d 'Wait before the first further try, doubled for each one after it, with jitter' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l backoff-max -d 'The longest such wait' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l retry-on -d 'Statuses, error kinds and families of them that are tried again [default: 408,5xx,timeout,connect,dns.temporary, and answers that were cut off]' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l max-retry-after -d 'Give up on a host that asks for a longer pause; 0: on any that refuses' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l robots-agent -d 'Whose rules count [default: the first word of the User-Agent]' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l max-crawl-delay -d 'The longest Crawl-delay that is kept to; a longer one counts as this' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s X -l method -l request -d 'Request method [default: GET, with -d POST, with -I HEAD]' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s H -l header -d 'Header \'Name: value\', or @FILE with a header a line (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s d -l data -d 'Request body, or @FILE; makes it a POST' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s A -l user-agent -d 'User-Agent to send' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s u -l user -d 'Basic authentication, for the host of each target only' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s b -l cookie -d 'Cookie header: \'a=1; b=2\'' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s x -l proxy -d 'Go through http://, socks5:// or socks5h://[user:password@]host:port' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l max-redirects -d 'Redirects followed in a row; 0 takes a 3xx as the answer' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l resolve -d 'Use this address for a host and port (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l connect-to -d 'Connect to another host and port instead (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l cacert -d 'Trust the certificates in FILE (PEM) only' -r -F
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l roots -d 'Whose certificates are trusted without --cacert: bundled are Mozilla\'s, as built in; system are this machine\'s' -r -f -a "bundled\t'Mozilla\'s, as built in'
system\t'This machine\'s'"
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l cert -d 'Client certificate (PEM)' -r -F
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l key -d 'Its private key (PEM)' -r -F
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l addresses -d 'open: what you name may be anywhere, but what a public answer leads to must be public; public: public addresses only' -r -f -a "open\t'What the operator names may be anywhere'
public\t'Public addresses only'"
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l allow-address -d 'Always dial this address or block, metadata addresses included (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l deny-address -d 'Never dial this address or block: 10.0.0.0/8 (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l max-body -d 'A body as received' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l max-decoded -d 'A body after decompression' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l max-headers -d 'The head of a response' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l max-memory -d 'All bodies in memory together' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l accept -d 'Final statuses that are ok; any other is failed' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l max-failures -d 'Stop when more than N, or P% of those finished, have failed (exit 4)' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l allow-failures -d 'Exit 0 all the same with up to this many failures' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l extract -d 'Find a field in each page: \'price=price:css:.now || css:.price | required\' (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l each -d 'Look for the fields in each match of this, as rows: css:.card, \'json:$.items[*]\'' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l rows -d 'Write the rows of --each to FILE (.jsonl, .csv, .parquet, .xlsx); databases hold them anyway' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l rules -d 'Take rules from FILE, in TOML: each, [fields], [page]' -r -F
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l match-code -l mc -d 'Show these statuses only' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l filter-code -l fc -d 'Hide these statuses' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l match-regex -l mr -d 'Show targets only whose body matches' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s o -l output -d 'Write records to FILE, its format by extension, or to postgres://…; - is stdout, {date} today (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l format -d 'A format: jsonl, csv, text, sqlite, parquet, xlsx, warc [default: by extension; stdout: text on a terminal, else jsonl]' -r -f -a "jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header'
text\t'One line a target, for people'
sqlite\t'A SQLite database'
postgres\t'A PostgreSQL database'
parquet\t'Apache Parquet'
xlsx\t'A spreadsheet'
warc\t'WARC 1.1'"
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s O -l bodies -d 'Store each body in a file of its own under DIR; -o FILE.warc.gz archives all that passes' -r -F
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l cache -d 'Ask only for what has changed since the last run with this FILE, or is no longer fresh' -r -F
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l template -d 'Text lines of this form: \'{status_code} {url}\'' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l fields -d 'Members of a record: a list, or more than the usual with +body,+headers,+sha256' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l redact-query -d 'Write *** for the values of this KEY of queries, wherever a URL is written (repeatable)' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l report -d 'Write a report of the run to FILE: .html (one file, nothing loaded), .md or .json' -r -F
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l report-title -d 'Its heading [default: the job\'s name, or \'Fetch\']' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l report-sort -d 'What its rows are sorted by: a member, a column of the groups; with - downwards' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l group-by -d 'Add a table with a row for each value of a member: host, status_code, tags.NAME, a field' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l agg -d 'Its columns: \'min(price),avg(price),count()\'; count, min, max, avg, sum, first, last, p95' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l journal -d 'Keep the journal in FILE [default: beside the first output file, with .journal added]' -r -F
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l stats-interval -d 'A line of progress this often, where there is no terminal' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l log-format -d 'text or json, one object a line' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l summary -d 'Write the closing summary to FILE as JSON' -r -F
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s K -l config -d 'Read settings from FILE [default: ./gather.toml, if there is one]' -r -F
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l print-job -d 'Print the typed flags as a job for gather.toml, and stop' -r
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l dedup -d 'Send equal requests once: each target has its record, repeats say whose answer it is (same_as)'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l retry-unsafe -d 'Repeat POST and PATCH like any other, though the server may have seen them'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l robots -d 'Read each host\'s robots.txt first, and keep to it'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s I -l head -d 'Ask for heads only (HEAD)'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s L -l location -d 'Follow redirects: they are followed anyway'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s k -l insecure -d 'Accept any certificate'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s 4 -l ipv4 -d 'IPv4 only'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s 6 -l ipv6 -d 'IPv6 only'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l http1.1 -d 'HTTP/1.1 only'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l http2 -d 'HTTP/2 only, also without TLS'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l trust-proxy -d 'With --addresses public: let the proxy decide what it reaches, which cannot be seen from here'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l fail-fast -d 'Stop at the first failure; the rest is recorded as skipped (exit 4)'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l csv-bom -d 'Begin CSV with a byte order mark, for spreadsheets'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l overwrite -d 'Replace files that exist; a SQLite file loses its earlier runs, PostgreSQL keeps them'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l resume -d 'Go on with the run that writes these outputs; begin it if there is none'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l resume-changed -d 'As --resume, although settings have changed: what is left gets the new ones'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l no-journal -d 'Keep no journal: faster on a slow disk, and a killed run cannot go on'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing but errors'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more: every failure, and what the engine decides'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -l no-progress -d 'No live progress on a terminal'
complete -c gather -n "__fish_gather_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print this page'
complete -c gather -n "__fish_gather_using_subcommand completions" -s h -l help -d 'Print help'
complete -c gather -n "__fish_gather_using_subcommand man" -s h -l help -d 'Print help'

