<?php // Categories and products of the sample shop, each text in English and Persian.

return [
    'categories' => [
        3 => ['table', ['At the table', 'سر میز'], ['Cups, bowls and jugs that are pleasant to hold.', 'فنجان، کاسه و پارچ‌هایی که خوش به دست می‌نشینند.']],
        4 => ['light', ['Light', 'روشنایی'], ['Lamps and candles for long evenings.', 'چراغ و شمع برای شب‌های بلند.']],
        5 => ['living', ['Living', 'نشیمن'], ['Cushions, vases and what else a room needs.', 'کوسن، گلدان و هر چه یک اتاق می‌خواهد.']],
        6 => ['paper', ['Paper', 'کاغذ'], ['Notebooks and prints from our own press.', 'دفتر و چاپ از چاپخانه‌ی خودمان.']],
    ],
    'products' => [
        1 => ['stone-mug', 'SM-101', 18.0, 3, 'mug', ['Stone mug', 'لیوان سنگی'], ['Stoneware, 320 ml, with a wide handle.', 'سفال سنگی، ۳۲۰ میلی‌لیتر، با دسته‌ی پهن.']],
        2 => ['deep-bowl', 'DB-102', 24.5, 3, 'bowl', ['Deep bowl', 'کاسه‌ی گود'], ['For soup, salad, or fruit on the table.', 'برای سوپ، سالاد یا میوه‌ی روی میز.']],
        3 => ['water-jug', 'WJ-103', 39.0, 3, 'jug', ['Water jug', 'پارچ آب'], ['Holds one litre and pours without a drop.', 'یک لیتر جا دارد و بی‌چکه می‌ریزد.']],
        4 => ['reading-lamp', 'RL-201', 89.0, 4, 'lamp', ['Reading lamp', 'چراغ مطالعه'], ['Linen shade, oak foot, warm light.', 'کلاهک کتان، پایه‌ی بلوط، نور گرم.']],
        5 => ['beeswax-candle', 'BC-202', 12.0, 4, 'candle', ['Beeswax candle', 'شمع موم'], ['Burns for twenty hours, smells of honey.', 'بیست ساعت می‌سوزد و بوی عسل می‌دهد.']],
        6 => ['lantern', 'LA-203', 46.0, 4, 'lantern', ['Garden lantern', 'فانوس باغ'], ['Glass and blackened steel, wind-proof.', 'شیشه و فولاد سیاه، ضدباد.']],
        7 => ['wool-cushion', 'WC-301', 34.0, 5, 'cushion', ['Wool cushion', 'کوسن پشمی'], ['Woven in one piece, filled with feathers.', 'یک‌تکه بافته، پر از پر.']],
        8 => ['tall-vase', 'TV-302', 52.0, 5, 'vase', ['Tall vase', 'گلدان بلند'], ['For branches, grasses, or one single flower.', 'برای شاخه، علف یا تنها یک گل.']],
        9 => ['wall-clock', 'CL-303', 64.0, 5, 'clock', ['Wall clock', 'ساعت دیواری'], ['Silent movement, two hands, no numbers.', 'بی‌صدا، دو عقربه، بی‌شماره.']],
        10 => ['plant-pot', 'PP-304', 21.0, 5, 'pot', ['Plant pot', 'گلدان گیاه'], ['With a saucer; the plant is not for sale.', 'با زیرگلدانی؛ خود گیاه فروشی نیست.']],
        11 => ['ruled-notebook', 'RN-401', 14.0, 6, 'notebook', ['Ruled notebook', 'دفتر خط‌دار'], ['160 pages, thread-bound, opens flat.', '۱۶۰ صفحه، دوخته با نخ، کاملاً باز می‌شود.']],
        12 => ['sun-print', 'SP-402', 29.0, 6, 'print', ['Sun print', 'چاپ آفتاب'], ['Two colours on heavy paper, 30 × 40 cm.', 'دو رنگ روی کاغذ سنگین، ۳۰ در ۴۰ سانتی‌متر.']],
    ],
    // image => [product, cover]; a one-, two- and three-digit number each, for the folders' sake
    'images' => [
        1 => [1, 1], 2 => [2, 1], 3 => [3, 1], 4 => [4, 1], 5 => [5, 1], 6 => [6, 1], 7 => [7, 1], 8 => [8, 1],
        9 => [9, 1], 10 => [10, 1], 11 => [11, 1], 12 => [12, 1], 13 => [1, 0], 14 => [4, 0], 15 => [8, 0], 123 => [7, 0],
    ],
    'reviews' => [
        1 => [['Mira', 5, 'Exactly as shown, and it arrived in two days 🎁'], ['Jonas', 4, 'Good quality; I would buy it again.'], ['Ada', 5, 'A present for my mother, who loves it 💚']],
        2 => [['نسرین', 5, 'همان‌طور که در عکس بود؛ دو روزه رسید 🌿'], ['کاوه', 4, 'کیفیت خوبی دارد.'], ['لیلا', 5, 'هدیه‌ای برای مادرم 💚']],
    ],
    'articles' => [
        1 => [['Clay from the river', 'Our clay is dug four kilometres from the workshop, and rests a winter before use.'], ['Why we mend', 'A cracked bowl comes back to us, and leaves with a golden line ✨.'], ['Light at home', 'Three small lamps are kinder than a bright one 💡.']],
        2 => [['گِل رودخانه', 'گِل ما از چهار کیلومتری کارگاه می‌آید و پیش از کار یک زمستان می‌ماند.'], ['چرا تعمیر می‌کنیم', 'کاسه‌ی ترک‌خورده برمی‌گردد و با خطی طلایی می‌رود ✨.'], ['نور خانه', 'سه چراغ کوچک مهربان‌تر از یک چراغ پرنور است 💡.']],
    ],
];
