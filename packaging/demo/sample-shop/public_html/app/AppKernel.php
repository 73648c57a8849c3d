<?php // Marker of the application's generation; holds its version.

class AppKernel
{
    public const VERSION = '8.2.1';
    public const MAJOR_VERSION = 8;
}
