<?php // Downloads for employees have their place here; the sample shop has none.

http_response_code(404);
