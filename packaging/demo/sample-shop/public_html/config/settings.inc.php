<?php // Kept empty: settings live in app/config/parameters.php.
