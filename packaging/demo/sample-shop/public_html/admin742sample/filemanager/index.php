<?php // The file manager has its place here; the sample shop has none.

http_response_code(403);
