<?php // Draws the products' pictures from simple shapes, in every size that the shop's pages use.

declare(strict_types=1);

namespace SampleShop\Installer;

final class Pictures
{
    private const SIZES = ['' => 800, '-large_default' => 640, '-home_default' => 320, '-cart_default' => 125, '-small_default' => 98];
    private const CANVAS = 1600;
    private const BACKGROUNDS = ['#e9e4d4', '#dde7e1', '#efe0d6', '#e0e3ea'];

    /** @var string */
    private $root;

    public function __construct(string $root)
    {
        $this->root = $root;
    }

    /** Take the pictures of the shop installed below `$other` instead of drawing them. */
    public function take(string $other): void
    {
        $from = $other . '/img/p/';
        $all = new \RecursiveIteratorIterator(new \RecursiveDirectoryIterator($from, \FilesystemIterator::SKIP_DOTS));
        foreach ($all as $file) {
            $to = $this->root . '/img/p/' . substr($file->getPathname(), strlen($from));
            if (!is_dir(dirname($to))) {
                mkdir(dirname($to), 0755, true);
            }
            if (!copy($file->getPathname(), $to)) {
                throw new \RuntimeException('cannot be copied: ' . $file->getPathname());
            }
        }
    }

    public function draw(): void
    {
        $shapes = require __DIR__ . '/data/shapes.php';
        $data = require __DIR__ . '/data/catalogue.php';
        foreach ($data['images'] as $image => [$product, $cover]) {
            $background = self::BACKGROUNDS[($product + ($cover ? 0 : 1)) % 4];
            $this->save($image, $this->paint($background, $shapes[$data['products'][$product][4]]));
        }
    }

    /** @return resource|\GdImage */
    private function paint(string $background, array $shapes)
    {
        $picture = imagecreatetruecolor(self::CANVAS, self::CANVAS);
        imagefill($picture, 0, 0, $this->colour($picture, $background));
        $all = array_merge([['oval', 50, 84, 56, 8, '#00000018']], $shapes);
        foreach ($all as $shape) {
            $this->shape($picture, $shape);
        }

        return $picture;
    }

    /** Shapes are measured in hundredths of the picture. */
    private function shape($picture, array $shape): void
    {
        $kind = array_shift($shape);
        $colour = $this->colour($picture, (string) array_pop($shape));
        $at = array_map(static function ($number): int {
            return (int) round($number * self::CANVAS / 100);
        }, $shape);
        if ($kind === 'oval') {
            imagefilledellipse($picture, $at[0], $at[1], $at[2], $at[3], $colour);
        } elseif ($kind === 'box') {
            imagefilledrectangle($picture, $at[0], $at[1], $at[2], $at[3], $colour);
        } elseif ($kind === 'poly' && PHP_VERSION_ID >= 80000) {
            imagefilledpolygon($picture, $at, $colour);
        } else {
            imagefilledpolygon($picture, $at, intdiv(count($at), 2), $colour);
        }
    }

    private function colour($picture, string $hex): int
    {
        $parts = array_map('hexdec', str_split(substr($hex, 1), 2));

        return imagecolorallocatealpha($picture, $parts[0], $parts[1], $parts[2], isset($parts[3]) ? 127 - intdiv($parts[3], 2) : 0);
    }

    private function save(int $image, $picture): void
    {
        $folder = $this->root . '/img/p/' . implode('/', str_split((string) $image)) . '/';
        if (!is_dir($folder)) {
            mkdir($folder, 0755, true);
        }
        $width = self::CANVAS;
        foreach (self::SIZES as $name => $size) {
            // Each from the one before: what has fewer points takes less time
            $small = imagecreatetruecolor($size, $size);
            imagecopyresampled($small, $picture, 0, 0, 0, 0, $size, $size, $width, $width);
            imagejpeg($small, $folder . $image . $name . '.jpg', 82);
            [$picture, $width] = [$small, $size];
        }
    }
}
